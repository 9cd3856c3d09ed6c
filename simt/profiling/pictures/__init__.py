"""Pictures of what a kernel did: of accesses to memory, of shared variables, of the roofline.

    kernel = simt.profile("gpt.cu").kernels[0]
    access_picture(kernel.accesses[0])  # in a notebook, the last line of a cell: shows it

A picture is SVG text that stands for itself; a page can hold it as it is.
"""

from simt.profiling.pictures.access import access_picture
from simt.profiling.pictures.banks import bank_picture
from simt.profiling.pictures.roofline import roofline_picture
from simt.profiling.pictures.svg import Picture
from simt.profiling.pictures.tile import tile_picture

__all__ = ["Picture", "access_picture", "bank_picture", "roofline_picture", "tile_picture"]
