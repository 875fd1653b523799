# lc-snap-roles: what a state holds is told from names of files and of tensors, said, and required.
. "$TESTS/cli/lib.sh"
unset LC_STORE

# safetensors NAME...: a file of one float each
safetensors() {
	header='' at=0
	for name; do
		header="$header${header:+,}\"$name\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[$at,$((at + 4))]}"
		at=$((at + 4))
	done
	header="{$header}"
	n=${#header}
	printf "\\$(printf %03o $((n % 256)))\\$(printf %03o $((n / 256)))\\0\\0\\0\\0\\0\\0%s" "$header"
	head -c $at /dev/zero
}
roles() {
	sed -n 's/.*"roles":\[\([^]]*\)\].*/\1/p' .out | tr -d '"'
}

mkdir -p ck/step-5
safetensors model.a.weight model.a.bias >ck/step-5/part.safetensors
ok "weights by the names of tensors" lc-snap save ck/step-5
equal "in the record" weights "$(roles)"
match "and in words" '^lc-snap: run@5: found weights; missing: optimizer,rng,data$' .err
ok "-q" lc-snap save -q ck/step-5
equal "is without words" "" "$(cat .err)"
ok "what is there may be required" lc-snap save -q --require weights ck/step-5

for roles in all complete weights,optimizer rng; do
	status "required, and missing: $roles" 3 lc-snap save -s new --require $roles ck/step-5
done
match "is named" 'not complete: no rng \(found: weights\)$' .err
absent "before anything is written" new
status "no role" 2 lc-snap save --require moments ck/step-5
status "no roles" 2 lc-snap save --require '' ck/step-5
status "not of a restore" 2 lc-snap restore --require all latest out

safetensors model.a.weight optimizer.state.0.exp_avg optimizer.state.0.exp_avg_sq rng_state \
	train_dataloader.position lr_scheduler.last_epoch grad_scaler.scale >all.safetensors
ok "all in one file" lc-snap save --step 6 --require all,scheduler,scaler all.safetensors
equal "has all roles" weights,optimizer,rng,data,scheduler,scaler "$(roles)"
match "in words" 'missing: nothing$' .err

safetensors m.blocks.0.weight v.blocks.0.weight >ck/step-5/optimizer.safetensors
safetensors model.string.weight_of_all >ck/step-5/odd.safetensors
ok "a name that tells is right" lc-snap save ck/step-5
equal "whatever the tensors are called" weights,optimizer "$(roles)"

cp "$TESTS/golden/tensor-torch/everything.pt" all.pt
ok "a file of torch.save" lc-snap save --step 7 --require weights,optimizer,rng,scheduler,scaler all.pt
equal "has roles by its keys too" weights,optimizer,rng,scheduler,scaler "$(roles)"
