# study: the harness over a tiny model: killed anywhere it goes on, and what is there is not run again.
. "$TESTS/cli/lib.sh"

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
	skip "the study" "no python3"
	exit
fi
export PYTHONDONTWRITEBYTECODE=1
study() { python3 "$TESTS/../scripts/study/study.py" --study tiny -d "$PWD/here" -j 2 --policy nothing --policy palm --policy lightcone "$@"; }
cells() { ls -l --time-style=full-iso here/cells; }

# killed when its first cell is there
sh -c 'echo $$ >victim; exec "$@"' sh python3 "$TESTS/../scripts/study/study.py" --study tiny -d "$PWD/here" -j 2 \
	--policy nothing --policy palm --policy lightcone >first.txt 2>first.err &
some() { [ "$(find here/cells -name '*.json' 2>/dev/null | wc -l)" -gt 0 ]; }
ok "a cell is kept as soon as it is done" until_ok some
kill -KILL "$(cat victim)" 2>/dev/null
wait
nobody() { ! grep -l "$PWD/her[e]" /proc/[0-9]*/cmdline >left 2>/dev/null; }
ok "killed, it leaves no process behind" until_ok nobody
find here/cells -name '*.json' -exec cksum {} + | sort >before

ok "run again" study
cp .out report.txt
find here/cells -name '*.json' -exec cksum {} + | sort >after
equal "what was there stays" "$(wc -l <before)" "$(comm -12 before after | wc -l)"
equal "an incident by three policies, a healthy run by two" 5 "$(wc -l <after)"
absent "no work is left" here/work/*
match "the report counts them" '^study tiny, set report: 5 cells$' report.txt
match "what was not measured forgives nothing" '^noise was not measured for, and nothing is forgiven: healthy, moments$' report.txt
for row in 'nothing ' 'palm ' 'lightcone '; do
	match "a row of policies: $row" "^$row" report.txt
done
match "detection is told" '^moments +1 of 1 ' report.txt
match "a guarded healthy run is the plain one" 'lightcone: harm to healthy runs.* \+0\.0000, \+0\.0000; 0 of 1' report.txt

cells >was
ok "a third time" study
same "runs nothing" was - <<END2
$(cells)
END2
same "and says the same" report.txt .out

printf 'before\n<!-- study -->\nold\n<!-- /study -->\nafter\n' >page.md
ok "into a page" study --report --into page.md
equal "between the marks alone" "before after" "$(sed -n '1p;$p' page.md | xargs)"
match "each goal is a row" '^\| runs that die \| 0 \| 0 of 2 \|' page.md
match "what is missed says so" '^\| extra compute per incident run[^|]*\| at most 15 % \| [0-9.]+ %, [0-9.]+ %, missed \|' page.md
equal "what was there is gone" 0 "$(grep -c '^old$' page.md)"
rm -f here/cells/*
ok "nothing at all can be reported too" study --report
match "and is counted" '^study tiny, set report: 0 cells, 5 missing$' .out

# What is no number is no reason to leave a goal out, nor one that is reached.
PYTHONPATH=$TESTS/../scripts/study python3 - >goals.txt <<'END'
import goals, report
from cells import Cell
from incidents import manifest
sick, well = (next(i for i in manifest("tiny", "report") if i.healthy == h) for h in (False, True))
def run(val, steps=300, **more):
    return dict(val=val, test=val, died=False, left=None, steps=steps, total=300, interventions=0, **more)
nan = float("nan")
cells = [(Cell(sick, 1, q), run(v)) for q, v in (("nothing", 3.0), ("palm", 2.5), ("oracle", 2.5), ("lightcone", nan))]
cells += [(Cell(well, 1, "nothing"), run(2.0)), (Cell(well, 1, "lightcone"), run(nan, 150))]
goals.show(goals.rows(report.Table(cells), report.OURS))
END
match "a regret that is no number misses its goal" 'mean regret to the oracle.* nan %.*: missed$' goals.txt
match "so does such a harm" 'outside the null spread .*1 of 1 .*: missed$' goals.txt
match "and such an incident" 'no fixed remedy ends better.* 0 % \(0 of 1\).*: missed$' goals.txt
match "a run that ended early spared no compute" 'extra compute per healthy run +0\.0 %' goals.txt

# What an oracle knows of an lr off its plan; noise of unequal groups; the steps of a fork that failed.
mkdir -p fork/branches/b000 fork/probes/p0
printf '{"step":1}\n{"step":2}\n{"type":"result","steps":2}\n{"step":3' >fork/branches/b000/stdout.jsonl
printf '{"step":1}\n' >fork/probes/p0/metrics.jsonl
cp fork/probes/p0/metrics.jsonl fork/probed.jsonl
PYTHONPATH=$TESTS/../scripts/study python3 - >facts.txt <<'END'
import guarded, plan, stats
wsd = dict(kind="wsd", lr=1e-3, min_lr=0, warmup=10, total=100, decay_frac=0.2)
log = lambda times: [dict(step=s, lr=times(s) * plan.lr(wsd, s)) for s in range(1, 100)]
print("lr %g %g %g %g" % tuple(plan.lr(wsd, s) for s in (5, 10, 80, 90)))
print("undo", plan.undo(wsd, log(lambda s: 4), 50), plan.undo(wsd, log(lambda s: 1.1), 50), plan.undo(wsd, log(lambda s: 4 if s > 50 else 1), 50),
      plan.undo(wsd, log(lambda s: 4 if s > 49 else 1), 50), plan.undo(wsd, log(lambda s: 0.02), 90))
print("pooled %.3f %d" % stats.pooled([[0, 2], [0, 0, 0, 0], [5], [float("nan"), 1]]))
print("steps", guarded.fork_steps("fork"))
END
PYTHONPATH=$TESTS/../scripts/study python3 - >table.md <<'END'
import argparse, goals
def row(q, beside):
    return goals.Row("w", q + "'s", "g", True, q, beside)
args = argparse.Namespace(study="full", set="report", note="a GPU: GPT-2, small")
print("".join(goals.markdown([row("a", "palm, 2 %"), row("b", "zclip, 1 %")], ("a", "b"), 3, 0, args)), end="")
print("".join(list(goals.markdown([row("b", "zclip, 1 %")], ("a", "b"), 3, 1, args))[2:]), end="")
END
same "a fixed remedy's figure stands beside the policy whose incidents it is of" table.md - <<'END'
Study full, set report, 3 cells; a GPU: GPT-2, small:

| | goal | a | b | best fixed remedy, a's incidents |
|---|---|---|---|---|
| w | g | a's | b's | palm, 2 % |
| w | g |  | b's |  |
END
same "the figures under the tables" facts.txt - <<'END'
lr 0.0005 0.001 0.001 0.0005
undo 0.25 None None None 50.0
pooled 0.707 4
steps 3
END
status "where nothing was built" 2 env B="$PWD/nobuild" python3 "$TESTS/../scripts/study/study.py" --report
match "it says so" 'no programs there' .err
