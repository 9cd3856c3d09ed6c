"""A class of submissions made from the galleries, and what may go wrong while it is graded.

show.py     the steps, and what each found
making.py    the folder of submissions
running.py   python -m grader.classroom, watched
faults.py    workers killed, the scheduler killed, the disk full
scaling.py   the scheduler's own time, for any number of workers
"""
