"""What the processes of a pool run for training.

Importing this loads the libraries that fits and reports use, so that a pool
which is told to be warm has them when the first request comes. Nothing but
such a process imports it.
"""

from headwater.pipelines import datum_call
from headwater.training.calls import assemble as assemble_folders
from headwater.training.calls import fit as fit_folders
from headwater.training.calls import warm_up

fit = datum_call(fit_folders)
assemble = datum_call(assemble_folders)

warm_up()
