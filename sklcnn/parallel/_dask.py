"""joblib's Dask backend, with data that come back where a worker is lost."""

import sys

from joblib import parallel_config, register_parallel_backend
from joblib._dask import Batch, DaskDistributedBackend

try:
    import dask
    from distributed import Client, get_client
    from tlz import identity
except ImportError:
    dask = None

NAME = "sklcnn-dask"


class KeepingClient:
    """A Dask client that hands out data as tasks, which are redone where they are lost.

    What was scattered is forgotten with the last worker that holds it, and all that
    needs it is cancelled. Of what is in a task, the scheduler keeps a copy.

    Parameters
    ----------
    client : distributed.Client
        The client proper.
    """

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    def scatter(self, data, asynchronous=False, **options):
        """Hand out one thing, to be awaited, or each of a list of things."""
        if asynchronous:
            return self._keep_soon(data)
        return [self._keep(thing) for thing in data]

    async def _keep_soon(self, thing):
        return self._keep(thing)

    def _keep(self, thing):
        no_warning = {"distributed.admin.large-graph-warning-threshold": sys.maxsize}
        with dask.config.set(no_warning):
            return self._client.submit(identity, thing, pure=False)


class NestingBatch(Batch):
    """Calls made on a worker, whose own parallel calls go to the cluster alike."""

    def __call__(self, tasks=None):
        """Make the calls."""
        with parallel_config(backend=KeepingBackend()):
            return [function(*args, **kwargs) for function, args, kwargs in tasks]


class KeepingBackend(DaskDistributedBackend):
    """The Dask backend of joblib, for work that outlives the workers.

    Parameters
    ----------
    client : distributed.Client, default=None
        The client; by default that of `scheduler_host`, or else the current one.
    scheduler_host : str, default=None
        Address of the scheduler.
    **options : dict
        As in joblib's backend.
    """

    def __init__(self, client=None, scheduler_host=None, **options):
        if client is None and scheduler_host is not None:
            client = Client(scheduler_host, set_as_default=False)
        elif client is None:
            client = get_client()
        if not isinstance(client, KeepingClient):
            client = KeepingClient(client)
        super().__init__(client=client, **options)

    def __reduce__(self):
        return type(self), ()

    def get_nested_backend(self):
        """Give the backend of parallel calls within a parallel call."""
        return type(self)(client=self.client), -1

    async def _to_func_args(self, func):
        _, tasks = await super()._to_func_args(func)
        return NestingBatch(tasks), tasks


def register_dask():
    """Let joblib use a Dask cluster that may lose workers, as backend "sklcnn-dask".

    The backend is joblib's own, "dask", but for what is lost with a worker: the data
    that were sent to it, the fits it had begun and the results that were not yet
    fetched are sent, begun and computed again on the others. So a search of
    scikit-learn ends as if nothing had happened. A fit that sees the end of more
    workers than Dask's setting ``distributed.scheduler.allowed-failures`` (3) is taken
    for the cause, and ends the search.

    Raises
    ------
    ImportError
        If `distributed` is not installed.

    Notes
    -----
    The scheduler holds one copy of the data. Hand over images that are much larger
    than its memory as paths, with :class:`~sklcnn.preprocessing.ReadImages`.

    Examples
    --------
    >>> from joblib import parallel_config
    >>> from sklcnn.parallel import register_dask
    >>> register_dask()  # doctest: +SKIP
    >>> with parallel_config(backend="sklcnn-dask"):  # doctest: +SKIP
    ...     search.fit(X, y)
    """
    if dask is None:
        raise ImportError(
            "register_dask needs Dask's distributed scheduler. Install it with "
            "`pip install sklcnn[dask]`."
        )
    register_parallel_backend(NAME, KeepingBackend)
