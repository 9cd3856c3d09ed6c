"""The pictures of the labs, drawn from measured data: python -m figures (make figures).

A module for each lab: its LAB is the lab's folder in labs/, and its pictures() gives {name:
picture}, from docs/*.json or from what simt counts on the spot. The same data give the same files,
to the byte. style.py is the look that all of them share.
"""
