/*
 * archive_calls: libarchive, opened when an archive is read or written and not before.
 *
 * It brings a dozen libraries with it, which take longer to link than most commands to run. Include
 * this in the place of archive.h; lc_archive_open() comes before the first call.
 */
#ifndef LC_ARCHIVE_CALLS_H
#define LC_ARCHIVE_CALLS_H

#include <archive.h>
#include <archive_entry.h>

#include "err.h"

#define LC_ARCHIVE_CALLS(X)                                                                                                          \
	X(archive_entry_filetype)                                                                                                    \
	X(archive_entry_free) X(archive_entry_hardlink) X(archive_entry_new) X(archive_entry_pathname) X(                            \
		archive_entry_perm) X(archive_entry_set_filetype) X(archive_entry_set_gid) X(archive_entry_set_mtime)                \
		X(archive_entry_set_pathname) X(archive_entry_set_perm) X(archive_entry_set_size) X(                                 \
			archive_entry_set_symlink) X(archive_entry_set_uid) X(archive_entry_size) X(archive_entry_size_is_set)       \
			X(archive_entry_sparse_count) X(archive_entry_symlink) X(archive_errno) X(                                   \
				archive_error_string) X(archive_filter_bytes) X(archive_filter_count) X(archive_format)              \
				X(archive_read_data_block) X(archive_read_free) X(archive_read_new) X(                               \
					archive_read_next_header) X(archive_read_open1) X(archive_read_set_callback_data)            \
					X(archive_read_set_read_callback) X(archive_read_set_seek_callback) X(                       \
						archive_read_support_filter_bzip2) X(archive_read_support_filter_gzip)               \
						X(archive_read_support_filter_xz) X(archive_read_support_filter_zstd) X(             \
							archive_read_support_format_tar) X(archive_read_support_format_zip_seekable) \
							X(archive_set_error) X(archive_write_add_filter_gzip) X(                     \
								archive_write_add_filter_none) X(archive_write_add_filter_zstd)      \
								X(archive_write_close) X(                                            \
									archive_write_data) X(archive_write_free)                    \
									X(archive_write_header) X(                                   \
										archive_write_new)                                   \
										X(archive_write_open) X(                             \
											archive_write_set_bytes_in_last_block)       \
											X(archive_write_set_format_pax_restricted)   \
												X(archive_write_set_format_zip)      \
													X(archive_write_set_options)

/* Filled once, by lc_archive_open; never written to again. */
struct lc_archive_calls {
#define LC_ARCHIVE_MEMBER(f) __typeof__(f) *f;
	LC_ARCHIVE_CALLS(LC_ARCHIVE_MEMBER)
#undef LC_ARCHIVE_MEMBER
};
extern struct lc_archive_calls lc_archive;

/* LC_SYS when libarchive is not there, or lacks something. May be called again. */
int lc_archive_open(struct lc_err *err);

#ifndef LC_ARCHIVE_NAMES
#define archive_entry_filetype lc_archive.archive_entry_filetype
#define archive_entry_free lc_archive.archive_entry_free
#define archive_entry_hardlink lc_archive.archive_entry_hardlink
#define archive_entry_new lc_archive.archive_entry_new
#define archive_entry_pathname lc_archive.archive_entry_pathname
#define archive_entry_perm lc_archive.archive_entry_perm
#define archive_entry_set_filetype lc_archive.archive_entry_set_filetype
#define archive_entry_set_gid lc_archive.archive_entry_set_gid
#define archive_entry_set_mtime lc_archive.archive_entry_set_mtime
#define archive_entry_set_pathname lc_archive.archive_entry_set_pathname
#define archive_entry_set_perm lc_archive.archive_entry_set_perm
#define archive_entry_set_size lc_archive.archive_entry_set_size
#define archive_entry_set_symlink lc_archive.archive_entry_set_symlink
#define archive_entry_set_uid lc_archive.archive_entry_set_uid
#define archive_entry_size lc_archive.archive_entry_size
#define archive_entry_size_is_set lc_archive.archive_entry_size_is_set
#define archive_entry_sparse_count lc_archive.archive_entry_sparse_count
#define archive_entry_symlink lc_archive.archive_entry_symlink
#define archive_errno lc_archive.archive_errno
#define archive_error_string lc_archive.archive_error_string
#define archive_filter_bytes lc_archive.archive_filter_bytes
#define archive_filter_count lc_archive.archive_filter_count
#define archive_format lc_archive.archive_format
#define archive_read_data_block lc_archive.archive_read_data_block
#define archive_read_free lc_archive.archive_read_free
#define archive_read_new lc_archive.archive_read_new
#define archive_read_next_header lc_archive.archive_read_next_header
#define archive_read_open1 lc_archive.archive_read_open1
#define archive_read_set_callback_data lc_archive.archive_read_set_callback_data
#define archive_read_set_read_callback lc_archive.archive_read_set_read_callback
#define archive_read_set_seek_callback lc_archive.archive_read_set_seek_callback
#define archive_read_support_filter_bzip2 lc_archive.archive_read_support_filter_bzip2
#define archive_read_support_filter_gzip lc_archive.archive_read_support_filter_gzip
#define archive_read_support_filter_xz lc_archive.archive_read_support_filter_xz
#define archive_read_support_filter_zstd lc_archive.archive_read_support_filter_zstd
#define archive_read_support_format_tar lc_archive.archive_read_support_format_tar
#define archive_read_support_format_zip_seekable lc_archive.archive_read_support_format_zip_seekable
#define archive_set_error lc_archive.archive_set_error
#define archive_write_add_filter_gzip lc_archive.archive_write_add_filter_gzip
#define archive_write_add_filter_none lc_archive.archive_write_add_filter_none
#define archive_write_add_filter_zstd lc_archive.archive_write_add_filter_zstd
#define archive_write_close lc_archive.archive_write_close
#define archive_write_data lc_archive.archive_write_data
#define archive_write_free lc_archive.archive_write_free
#define archive_write_header lc_archive.archive_write_header
#define archive_write_new lc_archive.archive_write_new
#define archive_write_open lc_archive.archive_write_open
#define archive_write_set_bytes_in_last_block lc_archive.archive_write_set_bytes_in_last_block
#define archive_write_set_format_pax_restricted lc_archive.archive_write_set_format_pax_restricted
#define archive_write_set_format_zip lc_archive.archive_write_set_format_zip
#define archive_write_set_options lc_archive.archive_write_set_options
#endif

#endif
