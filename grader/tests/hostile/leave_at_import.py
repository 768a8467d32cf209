"""leaving: ends the process while it is imported

Ends: crashed
"""

import os

os._exit(0)
