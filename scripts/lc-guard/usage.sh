#!/bin/sh
# lc-guard: run a training command, watch it, and when it breaks let it go on as the best of its futures.
# See lc-guard(1). Everything it decides is in DIR/journal.jsonl; started again, it goes on from what it finds.
set -u

usage="usage: lc-guard [OPTION ...] -- COMMAND [ARG ...]
Run COMMAND, whose words may hold {state} {out} {actions} {horizon}; keep its
checkpoints, watch its step records, and on an alert detect, fork, forecast, race
and collapse, then resume it from the chosen state with the chosen actions.
  -n             only say what would be done
  --slurm        COMMAND is a job script, for sbatch(1); futures are tasks of job arrays
  -d DIR         where everything is kept (lc-guard.d)
  -F FORMAT      COMMAND prints a log, of this format of lc-read or auto, not records
  --log-every N  its lines name no step: each loss is N steps after the one before
  -m METRIC=NAME the log's own name of a metric, as in lc-read; may be repeated
  -S SPACE       propose only what this file says, lc-space(5), not the menu
  -j JOBS        futures run at a time (processors)
  -w WIDTH       futures proposed and forecast (512)
  -k ARMS        arms run for real, beside control and nulls (8)
  --horizon N    steps every future runs past the present (200)
  --readout N    steps of the segments it is read by (200)
  --nulls M      null branches (6)
  --confirm N    what wins by its readings must win again, in N runs on other data (2)
  --min-effect X a gain below this is not worth a change (0)
  -o OBJECTIVE   futures are judged by min:METRIC or max:METRIC (the held-out loss)
  --profile P    watched as lm or, by reward, KL and entropy, as rl (lm)
  --no-probes    name no cause: run no short probes of it before a fork
  --max-forks N  after so many alerts treated, only watch (5)
  --restarts N   a command that fails is started again, N times in a row without a new state (3)
  --backoff S    after S seconds, then twice as many, and so on, up to ten minutes (5)
  --on-alert CMD   run by sh(1) at an alert, when nothing helps, and at the end of a failed run
  --give-up N    end the run, with status 1, when N alerts in a row found no help (0: never)
  --lost N       end it, status 1, after N losses that are no numbers and no help (100; 0: never)
  --store-wait S   a store is slow when a save takes S seconds (60)
  --limit N/S    no more than N changes of the run in S steps
  --budget X     what futures for alerts may take in all: steps, or a share of the run: 5%
  --every N      every N steps, without an alert: is there a better schedule from here?
  --every-budget X   what such futures may take in all (25%)
  --keep N       snapshots kept: the N newest, ever fewer of older ones (20; 0: all)
  --threshold X  index at which an alert begins (1)
  --timeout S    longest life of one future, in seconds (none)
  --grace S      seconds a command has to end after SIGTERM (60)
  --run NAME     name of the run (the name of DIR)
  -q             no words but errors
  --help, --version
Status: the command's own; 1 given up; 2 usage, 3 bad data, 4 system; 130, 143: SIGINT, SIGTERM."

