"""What differs between operating systems: everything else in the package asks here.

Linux and macOS have descriptors of folders, file modes, record locks, SIGHUP and uvloop; Windows has none of
these. What Python offers decides, not the system's name: tests take it away.
"""
