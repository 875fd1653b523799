/*
 * crc: CRC-32C (TensorBoard, bodies of chunks) and CRC-32 (W&B, gzip).
 *
 * Both are the reflected kind with all ones before and after (RFC 3720 B.4, RFC 1952 8).
 */
#ifndef LC_CRC_H
#define LC_CRC_H

#include <stddef.h>
#include <stdint.h>

#define LC_CRC32C 0x82f63b78u /* Castagnoli's polynomial, bits reversed */
#define LC_CRC32 0xedb88320u  /* the one of Ethernet, bits reversed */

/* Tables for one polynomial; t[k][b] is the remainder of byte b followed by k zero bytes. */
struct lc_crc {
	uint32_t t[8][256];
};
void lc_crc_init(struct lc_crc *crc, uint32_t polynomial);

/* The checksum of len bytes that follow bytes with checksum so_far (0: nothing yet). */
uint32_t lc_crc_of(const struct lc_crc *crc, uint32_t so_far, const void *buf, size_t len);

/* CRC-32C of len bytes, by the processor's own instruction where it has one. */
uint32_t lc_crc32c(const void *buf, size_t len);

/* TFRecord keeps its checksums rotated and shifted, so that the checksum of data that holds
 * checksums stays good. */
uint32_t lc_crc_mask(uint32_t sum);

#endif
