"""Ray reads where it may listen and whether to ask for a token when it is imported: before the first test that does."""

import os

from tests.cluster.two_nodes import SETTINGS

os.environ |= SETTINGS
