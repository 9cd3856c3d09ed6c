#!/usr/bin/env bash
# Gradescope runs this once, as root on Ubuntu 22.04, when it builds the autograder's image. It ends
# with a grading of solutions/: an image that can't grade is not built.
set -euo pipefail
trap 'echo "setup.sh failed in line $LINENO: $BASH_COMMAND" >&2' ERR
cd /autograder/source

if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  apt-get install -y --no-install-recommends g++ bubblewrap util-linux ca-certificates python3-venv
fi

# uv brings a Python that constraints.txt is for (Ubuntu's are older), and torch without CUDA.
export UV_PYTHON_INSTALL_DIR=/autograder/python
python3 -m venv /autograder/uv
/autograder/uv/bin/pip install --quiet "uv==0.13.9"
/autograder/uv/bin/uv venv --clear --managed-python --python 3.11 /autograder/venv
/autograder/uv/bin/uv pip install --python /autograder/venv/bin/python \
  --torch-backend cpu --constraint constraints.txt --editable .

# Workers may be another user, who needs these; not what results are compared with.
chmod -R u=rwX,go=rX /autograder/source
chmod -R go= solutions grader/rubric.toml grader/checks grader/services settings.json
mkdir -p /autograder/cache /autograder/results
chmod 700 /autograder/cache /autograder/results

MINGPT_CACHE=/autograder/cache /autograder/venv/bin/python -m grader.services.autograder --check
