# slurm.sh: a Slurm of one's own, for a test: . "$TESTS/slurm.sh", after port.sh
#
# slurm_start brings up munged, slurmctld and slurmd as root in ./slurm, with sockets and ports of their own and no systemd;
# status 1, with the reason in $slurm_why, when they are not installed or cannot be brought up here. slurm_stop ends them. Jobs'
# processes end with them: every one of a test carries its mark in its environment, which tests/one checks.
#
# shellcheck shell=sh

slurm_conf() {
	first=$(free_port)
	cat >"$slurm/slurm.conf" <<END
ClusterName=lc$$
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$first
SlurmdPort=$(free_port $((first + 1)))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.sock
CredType=cred/munge
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
MpiDefault=none
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MaxArraySize=1001
MinJobAge=300
KillWait=3
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=${SLURM_CPUS:-4} State=UNKNOWN
PartitionName=local Nodes=ALL Default=YES MaxTime=INFINITE State=UP
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,default_queue_depth=1000
END
	export SLURM_CONF="$slurm/slurm.conf"
}

# what stands in the way of a Slurm here, or nothing
slurm_hindrance() {
	[ "$(id -u)" = 0 ] || echo "not root"
	PATH=$PATH:/usr/sbin
	for program in munged slurmctld slurmd sbatch; do
		command -v $program >/dev/null 2>&1 || echo "no $program(8)"
	done | head -n 1
}

slurm_up() {
	head -c 1024 /dev/urandom >"$slurm/munge.key"
	chmod 400 "$slurm/munge.key"
	# its directories may be anywhere: a test's are not root's alone
	munged --force --key-file="$slurm/munge.key" --socket="$slurm/munge.sock" --pid-file="$slurm/munged.pid" \
		--seed-file="$slurm/munge.seed" --log-file="$slurm/munged.log" >"$slurm/up.log" 2>&1 || return 1
	slurmctld -i >>"$slurm/up.log" 2>&1 || return 1
	slurmd >>"$slurm/up.log" 2>&1 || return 1
	n=0
	until sinfo -h -o %t 2>>"$slurm/up.log" | grep -q idle; do
		n=$((n + 1))
		[ $n -gt 300 ] && return 1
		sleep 0.2
	done
}

slurm_start() {
	slurm_why=$(slurm_hindrance | head -n 1)
	[ "$slurm_why" ] && return 1
	PATH=$PATH:/usr/sbin
	slurm=$(mktemp -d /tmp/lc-slurm.XXXXXX) || return 1 # a socket's path is short
	mkdir "$slurm/state" "$slurm/spool"
	chmod 755 "$slurm"
	slurm_conf
	slurm_up && return 0
	slurm_why=$(cat "$slurm"/*.log | tail -n 1)
	slurm_stop
	return 1
}

slurm_stop() {
	[ "${slurm:-}" ] || return 0
	scancel -f -u root >/dev/null 2>&1
	n=0
	while [ "$(squeue -h 2>/dev/null)" ] && [ $n -lt 100 ]; do
		sleep 0.1
		n=$((n + 1))
	done
	for program in slurmd slurmctld munged; do
		pid=$(cat "$slurm/$program.pid" 2>/dev/null) || continue
		kill "$pid" 2>/dev/null
		n=0
		while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do
			sleep 0.1
			n=$((n + 1))
		done
		kill -9 "$pid" 2>/dev/null
	done
	rm -rf "$slurm"
	slurm=''
}
