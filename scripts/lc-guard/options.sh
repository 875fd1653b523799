# ---- options and start ----

dir=lc-guard.d jobs='' width=512 arms=8 horizon=200 readout=200 nulls=6 confirm=2 min_effect=0 objective='' profile='' max_forks=5 every='' every_budget=25% budget='' limit=''
restarts=3 backoff=5 on_alert='' give_up=0 lost=100 store_wait=60
keep=20 grace=60 threshold=1 timeout='' probes=1 now='' again='' span=1
run_name='' quiet='' warned='' turn=0 tty='' trainer='' watcher='' worker='' keeper='' saves=0 untidy=''
dry='' slurm='' space='' reader='' saver='' saving='' store_away='' store_pause=0 store_next=0 hook='' nap='' hopeless=0 state=starting stood=0 looked=0 code_saved=0
while [ $# -gt 0 ]; do
	case $1 in
	-d | -F | -m | -o | --objective | --profile | --log-every | --every | --every-budget | --budget | --limit | -S | --restarts | --backoff | --on-alert | --give-up | --lost | --store-wait | -j | -w | -k | --horizon | --readout | --nulls | --confirm | --min-effect | --max-forks | --keep | --grace | --run | --threshold | --timeout)
		[ $# -gt 1 ] || usage_error "$1 wants a value"
		case $1 in
		-d) dir=$2 ;;
		-F) reader="$reader-F $(quote "$2")" ;;
		--log-every) reader="$reader--every $(quote "$2")" ;;
		--every) every=$2 ;;
		--every-budget) every_budget=$2 ;;
		--budget) budget=$2 ;;
		--limit) limit=$2 ;;
		--restarts) restarts=$2 ;;
		--backoff) backoff=$2 ;;
		--on-alert) on_alert=$2 ;;
		--give-up) give_up=$2 ;;
		--lost) lost=$2 ;;
		--store-wait) store_wait=$2 ;;
		-m) reader="$reader-m $(quote "$2")" ;;
		-S) space=$2 ;;
		-j) jobs=$2 ;;
		-w) width=$2 ;;
		-k) arms=$2 ;;
		--horizon) horizon=$2 ;;
		--readout) readout=$2 ;;
		--nulls) nulls=$2 ;;
		--confirm) confirm=$2 ;;
		--min-effect) min_effect=$2 ;;
		-o | --objective) objective=$2 ;;
		--profile) profile=$2 ;;
		--max-forks) max_forks=$2 ;;
		--keep) keep=$2 ;;
		--grace) grace=$2 ;;
		--run) run_name=$2 ;;
		--threshold) threshold=$2 ;;
		--timeout) timeout=$2 ;;
		esac
		shift 2
		;;
	-q) quiet=1; shift ;;
	-n) dry=1; shift ;;
	--slurm) slurm=1; shift ;;
	--no-probes) probes=''; shift ;;
	--help | -h) printf '%s\n' "$usage" || exit 4; exit 0 ;;
	--version) lc-detect --version | sed 's/lc-detect/lc-guard/'; exit ;;
	--) shift; break ;;
	-*) usage_error "unknown option $1" ;;
	*) break ;;
	esac
done
[ "$jobs" ] || jobs=$(getconf _NPROCESSORS_ONLN)
for n in "-j $jobs 1" "-w $width 8" "-k $arms 1" "--horizon $horizon 1" "--readout $readout 1" "--nulls $nulls 2" "--confirm $confirm 0" \
	"--max-forks $max_forks 0" "--every ${every:-1} 1" "--restarts $restarts 0" "--give-up $give_up 0" "--lost $lost 0" "--store-wait $store_wait 1" "--keep $keep 0" "--grace $grace 0"; do
	least=${n##* } n=${n% *}
	case ${n#* } in '' | *[!0-9]* | ??????????*) usage_error "$n: wants a whole number from $least" ;; esac
	[ "${n#* }" -ge "$least" ] || usage_error "$n: wants a whole number from $least"
done
[ $((nulls + 4)) -le "$width" ] || usage_error "-w $width leaves no room beside the control and $nulls nulls"
for n in "--min-effect $min_effect" "--threshold $threshold" "--timeout ${timeout:-1}" "--backoff $backoff"; do
	case ${n#* } in '' | *[!0-9.]* | *.*.* | .) usage_error "$n: wants a number from 0" ;; esac
done
for n in "--budget $budget" "--every-budget $every_budget"; do
	share=${n#* }
	case ${share%?} in *[!0-9.]* | *.*.* | .) share=x ;; esac
	case $share in '' | [0-9]% | *[0-9.]%) ;; *[!0-9]* | ???????????????*) usage_error "$n: wants steps, or a share such as 5%" ;; esac
done
case ${limit:-1/1} in
*[!0-9/]* | */*/* | /* | */ | *?????????/* | */??????????*) usage_error "--limit $limit: wants N/STEPS" ;;
*/*) ;;
*) usage_error "--limit $limit: wants N/STEPS" ;;
esac
[ $# -gt 0 ] || usage_error "no command"
[ "$(printf '%s' "$run_name" | plain)" = "$run_name" ] || usage_error "--run: wants up to 200 plain characters, none of them \" or \\"
[ -z "$space" ] || [ -r "$space" ] || usage_error "-S $space: cannot be read"
[ -t 2 ] && ! [ "$quiet" ] && tty=1
PATH=$(cd "$(dirname "$0")" && pwd):$PATH
case ${profile:-lm} in lm | rl) ;; *) usage_error "--profile $profile: wants lm or rl" ;; esac
if [ "$objective" ]; then
	why=$(lc-collapse race -o "$objective" /dev/null /dev/null 2>&1)
	[ $? -ne 2 ] || usage_error "${why#lc-collapse: }"
fi
if [ "$slurm" ]; then
	job=$1
	shift
	[ -r "$job" ] || { warn "--slurm $job: cannot be read"; exit 4; }
	job=$(cd "$(dirname "$job")" && pwd)/${job##*/}
	first=$(sed -n '1s/^#! *//p' "$job")
	command="${first:-/bin/sh} $(quote "$job")$(for w in "$@"; do quote "$w"; done)"
else
	command=$(for w in "$@"; do quote "$w"; done)
fi
# A foreign log becomes records on the way, in the run and in every future; as it is it goes to their logs.
if [ "$reader" ]; then
	why=$(eval "lc-read $reader -x true 2>&1") || usage_error "${why#lc-read: }"
	command="lc-read -q --copy $reader-x $command"
fi
future=$command engine=''
case $command in
*'{state}'*'{out}'* | *'{out}'*'{state}'*) ;;
*) say "the command has no {state} or no {out}: it must read LC_STATE and LC_OUT itself" ;;
esac
case $command in
*'{actions}'*'{horizon}'* | *'{horizon}'*'{actions}'* | *'{actions}'*'{steps}'* | *'{steps}'*'{actions}'*) ;;
*) say "the command has no {actions}, or no {horizon} or {steps}: it must read LC_ACTIONS and end by itself, or no future can be judged" ;;
esac

