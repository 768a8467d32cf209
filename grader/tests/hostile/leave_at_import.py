"""leaving: ends the process while it is imported

Ends: bad evidence
"""

import os

os._exit(0)
