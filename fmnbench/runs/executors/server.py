"""For the server that workers are forked from, which imports it last: its end takes no time."""

import atexit
import os

# To take torch apart takes seconds, in which the server would keep a pipe of the output open.
# Workers do not come here: multiprocessing ends them without these functions.
atexit.register(os._exit, 0)
