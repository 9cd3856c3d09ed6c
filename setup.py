"""What pyproject.toml can't say: an editable install brings its data files along, too.

Before it installs them there, setuptools asks the distribution whether it has "data", by a method
that is missing; JupyterLab would not find the extension in lab/labextension.
"""

from setuptools import Distribution, setup


class WithData(Distribution):
    def has_data(self) -> bool:
        return self.has_data_files()


setup(distclass=WithData)
