"""The instructor's side of the labs: notebooks from text, releases, and grading with nbgrader."""
