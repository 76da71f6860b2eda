"""The network: its layers, how it is fed and how it is trained."""

from sklcnn.network._batches import TrainingData, plain, with_steps_of
from sklcnn.network._build import (
    BEGUN_WITH,
    build_network,
    check_same_network,
    set_formats,
    set_statistics,
    widen_range,
)
from sklcnn.network._calibration import fit_temperature
from sklcnn.network._contract import check_function
from sklcnn.network._fitted import FittedNetwork
from sklcnn.network._hardware import gradients, torch_threads, trains_fast_in_bfloat16
from sklcnn.network._lock import Holding, one_at_a_time
from sklcnn.network._memory import release_memory
from sklcnn.network._named import available_networks
from sklcnn.network._net import check_callbacks, resolve_verbose
from sklcnn.network._optimization import LR_SCHEDULES, OPTIMIZERS
from sklcnn.network._outputs import (
    check_numbers,
    check_outputs,
    log_softmax_in_place,
    number_likeliest,
    softmax_in_place,
)
from sklcnn.network._plan import (
    is_made_of,
    is_solved_at_once,
    make_net,
    plan_epoch,
    plan_training,
    resolve_parameters,
    warn_if_steps_are_set,
)
from sklcnn.network._rules import resolve_precision
from sklcnn.network._split import split_rows
from sklcnn.network._statistics import channel_statistics
from sklcnn.network._training import DivergenceError, plain_record, use_best_weights
from sklcnn.network._watched import watch
from sklcnn.network._weights import Pretrained, find_weights, is_file

__all__ = [
    "BEGUN_WITH",
    "LR_SCHEDULES",
    "OPTIMIZERS",
    "DivergenceError",
    "FittedNetwork",
    "Holding",
    "Pretrained",
    "TrainingData",
    "available_networks",
    "build_network",
    "channel_statistics",
    "check_callbacks",
    "check_function",
    "check_numbers",
    "check_outputs",
    "check_same_network",
    "find_weights",
    "fit_temperature",
    "gradients",
    "is_file",
    "is_made_of",
    "is_solved_at_once",
    "log_softmax_in_place",
    "make_net",
    "number_likeliest",
    "one_at_a_time",
    "plain",
    "plain_record",
    "plan_epoch",
    "plan_training",
    "release_memory",
    "resolve_parameters",
    "resolve_precision",
    "resolve_verbose",
    "set_formats",
    "set_statistics",
    "softmax_in_place",
    "split_rows",
    "torch_threads",
    "trains_fast_in_bfloat16",
    "use_best_weights",
    "warn_if_steps_are_set",
    "watch",
    "widen_range",
    "with_steps_of",
]
