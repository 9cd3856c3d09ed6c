"""The process that runs a submission: `python -m grader.worker`. See __main__.py.

It does what it is asked (build, call a kernel, generate ids) and sends back what came out. It
holds no expected value and judges nothing.
"""
