# As nanoGPT's: a file of settings, or --key=value, over the globals of train.py.
import sys
from ast import literal_eval

for arg in sys.argv[1:]:
    if '=' not in arg:
        assert not arg.startswith('--')
        with open(arg) as f:
            exec(f.read())
        continue
    key, val = arg[2:].split('=', 1)
    if key not in globals():
        raise ValueError("Unknown config key: %s" % key)
    try:
        attempt = literal_eval(val)
    except (SyntaxError, ValueError):
        attempt = val
    assert type(attempt) == type(globals()[key]), key
    globals()[key] = attempt
