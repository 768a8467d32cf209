"""leftovers: scratch files and links for the next probe"""

import os


def answer(x):
    here = os.environ["TMPDIR"]
    os.makedirs(here + "/a/b/c")
    os.symlink("/", here + "/root")
    open(here + "/torch.py", "w").write("raise SystemExit")
    os.mkfifo(here + "/pipe")
    try:
        open("/dev/shm/left", "w").close()
    except OSError:
        pass
    return x
