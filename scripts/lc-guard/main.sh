# ---- start: what an earlier guard left, then on from there ----

phase='' line=0 forks=0 since=0 after=0 kept=0 lacks=9 head='' what=alert treated='' stretch=0 at=0 begun='' fails=0 code=0
watching='' reason_said='' barred='' learned='' told=0 gone=''
[ "$dry" ] && dry
why=$(mkdir -p "$dir/out" 2>&1 && mkdir -p "$dir/forks" 2>&1) || { warn "${why#mkdir: }"; exit 4; }
dir=$(cd "$dir" && pwd)
case $dir in *[!A-Za-z0-9_+=./,:@%-]*) usage_error "$dir: the path must be plain (letters, digits, _ + = . / , : @ % -)" ;; esac
# a guard that was killed may have left a moment's work (a save) that holds the lock still. Until it is ours, nothing
# in the directory is touched.
exec 9>>"$dir/lock" || { warn "open $dir/lock: refused"; exit 4; }
flock -w 10 9 || { warn "$dir: another lc-guard is at work there"; exit 4; }
[ "$run_name" ] || run_name=${dir##*/}

trap 'on_signal 130' INT
trap 'on_signal 143' TERM HUP
for n in trainer watcher worker keeper snap hook nap; do end_left "$n"; done
[ -f "$dir/base.json" ] || put base.json '{}'
touch "$dir/saved" "$dir/failed" "$dir/run.jsonl" "$dir/journal.jsonl" || die 4 "write in $dir"
for n in journal.jsonl saved failed; do mend "$n" || die 4 "write $dir/$n"; done
[ -f "$dir/guard.state" ] && eval "$(cat "$dir/guard.state")"
[ -z "$phase" ] && [ -s "$dir/journal.jsonl" ] && { warn "$dir/guard.state is lost beside a journal: where the run stands is not known"; exit 3; }
[ "$treated" ] || treated=$forks # a state of an older version

if [ "$slurm" ]; then use_slurm; fi
case $phase in
'') mark begun && event '"started"' ;;
done) say "the run has ended already: $dir"; exit 0 ;;
*)
	say "going on from what is in $dir"
	event '"resumed"'
	save_all
	[ "$phase" = fork ] && treat
	;;
esac
# what was launched and has brought no new state is launched again as it was, with what its actions do but once
if [ "$phase" = launch ] || { [ "$phase" = train ] && [ "$head" = "$begun" ] && [ -f "$dir/launch.json" ]; }; then find_head; else plan_resume; fi
launch
while :; do
	if train; then
		[ "$what" = alert ] && take_alert
		treat
	elif [ "$code" -eq 0 ] || ! revive; then
		break
	fi
	launch
done
if [ "$code" -eq 0 ]; then
	if lost; then give_up "$lost_why"; fi
	mark 'done'
	event '"ended"'
	look_back
	called
	[ -z "$store_away" ] || warn "the store is away: what it lacks is in $dir/out/$line"
	stands ended
	say "the command has ended; the journal is $dir/journal.jsonl"
	exit 0
fi
failed=$code
event "\"failed\",\"status\":$failed"
stands failed
call failed "status $failed" "$(tail -n 1 "$dir/journal.jsonl")"
called
warn "the command ended with status $failed: $(last "$dir/trainer.log")"
exit "$failed"
