"""The system calls that a worker can't make, as a program for the kernel (BPF).

A list of what is denied, not of what is allowed: torch, a compiler and CUDA's driver make calls
that differ from version to version. Denied is what reaches into other processes, changes what a
process may do or see, speaks to the network, or has often been a way into the kernel. A denied call
fails with EPERM, like one for which a right is missing.

Where a worker has no namespaces of its own (`shared`), it sees the grader's files and processes.
Landlock says which files may be opened, and nothing of what needs no opening: permissions, dates,
the limits and priorities of other processes of the same user, memory that outlives its process.
"""

import errno
import functools
import os
import signal
import socket
import tempfile

CLONE_NEWUSER = 0x10000000
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # type into a terminal

DENIED = (
    # other processes: their memory, their files
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp"),
    *("pidfd_getfd", "migrate_pages", "move_pages"),
    # what is mounted, and who one is
    *("mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "fsopen"),
    *("fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr", "quotactl"),
    *("quotactl_fd", "open_by_handle_at", "name_to_handle_at", "fanotify_init", "swapon"),
    *("swapoff", "acct"),
    # keys, programs in the kernel, its modules and its log
    *("add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "syslog"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "vhangup", "lookup_dcookie"),
    # the machine: its clocks, its end
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "reboot"),
    *("sethostname", "setdomainname", "iopl", "ioperm"),
)
# A worker is stopped while another's time is taken: nothing in it may send the signal that would
# wake it. Call: the place of the argument that says which signal.
SENDS = {
    **{"kill": 1, "tkill": 1, "tgkill": 2, "rt_sigqueueinfo": 1, "rt_tgsigqueueinfo": 2},
    **{"pidfd_send_signal": 1},
}
F_SETSIG, PR_SET_PDEATHSIG, EXIT_SIGNAL = 10, 1, 0xFF  # and these ask the kernel to send one
DENIED_IF_SHARED = (
    *("shmget", "semget", "msgget", "mq_open"),  # what is made stays when its process ends
    *("setpriority", "ioprio_set"),  # of a whole user, too
)
# Their first argument says of which process; 0 is the caller itself.
OF_OTHERS = ("prlimit64", "sched_setscheduler", "sched_setparam", "sched_setattr")
# By a file's name, whoever it belongs to. They do nothing and say that it was done: a linker makes
# its output executable, and nobody cares.
ABOUT_FILES = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr"),
    *("setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
)


@functools.cache
def program(device: str = "cpu", shared: bool = False) -> bytes | None:
    """The filter as struct sock_filter[], or None where libseccomp or pyseccomp is missing.

    CUDA's driver has a socket of its own; on a CPU nothing needs any. shared: for a worker that
    sees the grader's files and processes.
    """
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError):
        return None
    made = seccomp.SyscallFilter(seccomp.ALLOW)
    denied = seccomp.ERRNO(errno.EPERM)
    for name in DENIED:
        _add(made, denied, name)
    _add(made, denied, "clone", _is(0, CLONE_NEWUSER, CLONE_NEWUSER))
    # Its flags lie in memory, where a filter can't look; without it, libc takes clone.
    _add(made, seccomp.ERRNO(errno.ENOSYS), "clone3")
    for name, place in SENDS.items():
        _add(made, denied, name, _is(place, signal.SIGCONT))
    _add(made, denied, "fcntl", _is(1, F_SETSIG), _is(2, signal.SIGCONT))
    _add(made, denied, "prctl", _is(0, PR_SET_PDEATHSIG), _is(1, signal.SIGCONT))
    _add(made, denied, "clone", _is(0, signal.SIGCONT, EXIT_SIGNAL))
    if device == "cpu":  # nobody has looked whether CUDA's driver has a timer
        _add(made, denied, "timer_create")  # its signal's number lies in memory
    for request in (TIOCSTI, TIOCLINUX):
        _add(made, denied, "ioctl", _is(1, request))
    no_family = seccomp.ERRNO(errno.EAFNOSUPPORT)
    if device == "cuda":
        _add(made, no_family, "socket", seccomp.Arg(0, seccomp.NE, socket.AF_UNIX))
    else:
        _add(made, no_family, "socket")
    if shared:
        for name in DENIED_IF_SHARED:
            _add(made, denied, name)
        for name in OF_OTHERS:
            _add(made, denied, name, seccomp.Arg(0, seccomp.NE, 0))
        for name in ABOUT_FILES:
            _add(made, seccomp.ERRNO(0), name)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()


def _is(place: int, value: int, mask: int = 0xFFFFFFFF):
    """Of an argument, as the kernel reads an int: the upper half may be anything."""
    import pyseccomp as seccomp

    return seccomp.Arg(place, seccomp.MASKED_EQ, mask, value)


def _add(made, action: int, name: str, *conditions) -> None:
    """A rule; none for a call that this architecture or this libseccomp doesn't know."""
    try:
        made.add_rule(action, name, *conditions)
    except (OSError, ValueError):
        if conditions:
            raise


def open_program(device: str, shared: bool = False) -> int | None:
    """A file descriptor from which the filter can be read once; None without a filter."""
    data = program(device, shared)
    if data is None:
        return None
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
