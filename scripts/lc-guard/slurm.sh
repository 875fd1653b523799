# ---- --slurm: the command is a job script, and the futures are tasks of job arrays ----

# What stands in for the job here, as $dir/slurm.sh: submits it under a name that is this directory's, and lives as long as it.
# SIGTERM goes on to the job, and a job of that name that a guard which was killed did not end is ended first. The job prints
# into the run's log itself. Requeued it is never: it would begin where it began, and the newest state is known here.
stand_in() {
	cat <<'END'
# sh slurm.sh GRACE DIR NAME SBATCH-WORDS COMMAND...: written by lc-guard
grace=$1 dir=$2 name=$3 words=$4
shift 4
ended() { [ -z "$(squeue -h -n "$name" -o %i 2>&1)" ]; }
stop() {
	trap '' TERM INT HUP
	scancel --state=PENDING -n "$name"
	scancel --state=RUNNING --full --signal=TERM -n "$name"
	n=0
	until ended || [ "$n" -ge "$grace" ]; do
		sleep 1
		n=$((n + 1))
	done
	until ended; do
		scancel -n "$name"
		sleep 1
	done
}
ended || stop
trap 'stop; exit 143' TERM INT HUP
text='#!/bin/sh
exec'
for w; do text="$text '$(printf '%s' "$w" | sed "s/'/'\\\\''/g")'"; done
eval "set -- $words"
id=$(printf '%s\n' "$text" | sbatch --parsable --no-requeue "$@" --open-mode=append --job-name="$name" \
	--output="$dir/run.jsonl" --error="$dir/trainer.log") || exit 4
id=${id%%;*}
while :; do
	is=$(scontrol -o show job "$id" 2>&1)
	case $is in
	*JobState=COMPLETED*) exit 0 ;;
	*JobState=PENDING* | *JobState=RUNNING* | *JobState=COMPLETING* | *JobState=CONFIGURING* | *JobState=SUSPENDED*) ;;
	*JobState=*) break ;;
	*"Invalid job id"*) exit 1 ;; # it ended while nobody could be asked
	esac
	sleep 1 & # a signal is heard at once
	wait $!
done
how=${is##*JobState=}
code=${is##* ExitCode=}
code=${code%% *}
echo "job $id: ${how%% *}" >&2
[ "${code#*:}" = 0 ] || exit $((128 + ${code#*:}))
[ "${code%:*}" = 0 ] || exit "${code%:*}"
exit 1
END
}

# The words for sbatch in a job script, each quoted: its #SBATCH lines, but for what lc-guard says itself.
job_words() {
	sed -n '/^#/!q; s/^#SBATCH[ 	]//p' "$1" | sed 's/[ 	]#.*//' | tr -s ' \t' '\n\n' | while read -r w; do
		[ "$w" ] || continue
		[ "$skip" ] && { skip=''; continue; }
		case $w in
		-o | -e | -J | -a | --output | --error | --job-name | --array | --open-mode) skip=1; continue ;;
		-[oeJa]?* | --output=* | --error=* | --job-name=* | --array=* | --open-mode=* | --requeue | --no-requeue) continue ;;
		esac
		quote "$w"
	done
}

# $command becomes the stand-in for the job, $future what a task of an array runs, $engine the words for lc-fork run.
use_slurm() {
	for p in sbatch squeue scancel scontrol; do
		command -v $p >/dev/null || { warn "--slurm: no $p(1) here"; exit 4; }
	done
	words=$(skip='' job_words "$job")
	future=$command
	put slurm.sh "$(stand_in)"
	name=lc-guard-$(printf '%s' "$dir" | cksum | cut -d ' ' -f 1)
	command="sh $dir/slurm.sh $grace $dir $name $(quote "$words")$command"
	engine='-e slurm'
	eval "set -- $words"
	for w; do engine="$engine $(quote "-o$w")"; done
}
