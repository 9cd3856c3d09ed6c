"""How a worker, which runs submitted code, is kept apart from the grader and from everything else.

levels      which isolation there is, and what each level leaves open
choice      which one this machine allows
view        what a worker sees of the file system
seccomp     the system calls that it can't make
shelf       what the grader hands to one worker
sandbox     starts a worker and ends it, with all that it has started
bubblewrap  the strongest level: namespaces of its own
launcher    the others: landlock where the kernel has it, and the end of the whole process tree
landlock    the kernel's own file-system rules
processes   all that a process has started: found, stopped, ended
limits      CPU seconds, memory, processes, file size: set by the worker itself, at its start

Nowhere else is a worker started, confined or killed. What each level promises: docs/security.md.
"""
