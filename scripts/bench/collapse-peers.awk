# collapse-peers.awk: what others' rules choose among the same branches. Input: "branch step value" in the order of trials,
# at most 64 of them, lower is better; output: "rule branch". Defaults as published:
#	pbt	Ray 2 PopulationBasedTraining: quantile .25, here four rounds of exploitation: who is in the worst quarter goes
#		on as a copy of one in the best (the perturbed lr is not among the branches)
#	asha	Ray 2 ASHAScheduler: grace of one reading, reduction 4: a rung keeps what is within the best quarter
#	median	Optuna MedianPruner: 5 startup trials, stop when the best so far is above the median of the completed
#	wilcoxon Optuna WilcoxonPruner: p .1, 2 startup; paired by step; the answer is the lowest mean
# Each answers with the lowest last value of what it ran to the end, but for wilcoxon.

# One-sided p of the signed-rank test that d[1..n] lie above 0: exact up to 25 by counting, normal above.
function signed_rank(d, n, i, j, m, w, r, a, rank, count, sum, total) {
	m = 0
	for (i = 1; i <= n; i++)
		if (d[i] != 0) a[++m] = d[i]
	if (m == 0) return 1
	w = 0
	for (i = 1; i <= m; i++) {
		r = .5
		for (j = 1; j <= m; j++)
			r += abs(a[j]) < abs(a[i]) ? 1 : abs(a[j]) == abs(a[i]) ? .5 : 0
		if (a[i] > 0) w += r
	}
	if (m > 25)
		return 1 - phi((w - m * (m + 1) / 4) / sqrt(m * (m + 1) * (2 * m + 1) / 24))
	split("", count)
	count[0] = 1
	for (i = 1; i <= m; i++)
		for (j = m * (m + 1) / 2; j >= i; j--) count[j] += count[j - i]
	sum = total = 0
	for (j = 0; j <= m * (m + 1) / 2; j++) {
		total += count[j]
		if (j >= w) sum += count[j]
	}
	return sum / total
}
function abs(x) { return x < 0 ? -x : x }
function phi(z) { return z < 0 ? 1 - phi(-z) : 1 - .5 * exp(-.717 * z - .416 * z * z) } # Lin 1989, to .006
function lowest(alive, at, i, best) {
	best = 0
	for (i = 1; i <= n; i++)
		if (alive[i] && (!best || v[i, at] < v[best, at])) best = i
	return best
}
# The p-th percentile of the values of the living at a reading, linear between them.
function percentile(alive, at, p, i, j, m, x, t, k) {
	m = 0
	for (i = 1; i <= n; i++)
		if (alive[i]) x[++m] = v[i, at]
	for (i = 2; i <= m; i++)
		for (j = i; j > 1 && x[j] < x[j - 1]; j--) { t = x[j]; x[j] = x[j - 1]; x[j - 1] = t }
	k = 1 + p * (m - 1)
	i = int(k)
	return i >= m ? x[m] : x[i] + (k - i) * (x[i + 1] - x[i])
}
function all_alive(alive, i) { for (i = 1; i <= n; i++) alive[i] = 1 }

function pbt(round, i, k, at, who, q, t, order, j) {
	for (i = 1; i <= n; i++) who[i] = i
	q = int((n + 3) / 4)
	for (round = 1; round <= 4; round++) {
		at = int(last * round / 4 + .5)
		for (i = 1; i <= n; i++) order[i] = i
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[who[order[j]], at] < v[who[order[j - 1]], at]; j--) {
				t = order[j]; order[j] = order[j - 1]; order[j - 1] = t
			}
		for (k = 0; k < q; k++) who[order[n - k]] = who[order[1 + k]]
	}
	k = 1
	for (i = 2; i <= n; i++)
		if (v[who[i], last] < v[who[k], last]) k = i
	return who[k]
}
function asha(alive, at, i, cut, m) {
	all_alive(alive)
	for (at = 1; at < last; at *= 4) {
		cut = percentile(alive, at, .25)
		for (i = 1; i <= n; i++)
			if (alive[i] && v[i, at] > cut) alive[i] = 0
	}
	return lowest(alive, last)
}
function median(alive, done, at, i, best) {
	split("", done)
	all_alive(alive)
	for (i = 1; i <= n; i++) {
		best = 1e30
		for (at = 1; at <= last && i > 5 && alive[i]; at++) {
			if (v[i, at] < best) best = v[i, at]
			if (best > percentile(done, at, .5)) alive[i] = 0
		}
		if (alive[i]) done[i] = 1
	}
	return lowest(alive, last)
}
function wilcoxon(best, mean, i, at, d, sum) {
	best = 0
	for (i = 1; i <= n; i++) {
		sum = 0
		for (at = 1; at <= last; at++) {
			sum += v[i, at]
			if (best) d[at] = v[i, at] - v[best, at]
			if (i > 2 && sum / at > mean[best, at] && signed_rank(d, at) < .1) break
		}
		if (at <= last) continue
		sum = 0
		for (at = 1; at <= last; at++) { sum += v[i, at]; mean[i, at] = sum / at }
		if (!best || mean[i, last] < mean[best, last]) best = i
	}
	return best
}
{
	if (!($1 in index_of)) { index_of[$1] = ++n; name[n] = $1 }
	i = index_of[$1]
	v[i, ++reading[i]] = $3 == $3 + 0 ? $3 : 1e30
	if (reading[i] > last) last = reading[i]
}
END {
	for (i = 1; i <= n; i++) # one that broke off is the worst from there on
		for (at = reading[i] + 1; at <= last; at++) v[i, at] = 1e30
	print "raw", (all_alive(alive) "") name[lowest(alive, last)]
	print "pbt", name[pbt()]
	print "asha", name[asha()]
	print "median", name[median()]
	print "wilcoxon", name[wilcoxon()]
}
