"""joblib's Dask backend, with data that come back where a worker is lost."""

import asyncio
import pickle
import sys
import time
from uuid import uuid4

from joblib import parallel_config, register_parallel_backend
from joblib._dask import Batch, DaskDistributedBackend

try:
    import cloudpickle
    import dask
    from distributed import Client, get_client
    from tlz import identity
except ImportError:
    dask = None

NAME = "sklcnn-dask"

LOST_WORKER_TIMEOUT = "60s"
"""How long a cluster waits for a worker that has died to be back, before it gives up.

Within Dask's 15 seconds, one that dies again and again is not always seen alive: all
are given up before their number is large enough to blame the task.
"""


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
    """Calls made on a worker, whose own parallel calls go to the cluster alike.

    Their results come as bytes: a client that can't read what it is sent may lose its
    connection to the scheduler, and all that it waits for.
    """

    def __call__(self, tasks=None):
        """Make the calls; none of them ends the worker by what it raises."""
        try:
            with parallel_config(backend=KeepingBackend()):
                return cloudpickle.dumps(
                    [f(*args, **kwargs) for f, args, kwargs in tasks]
                )
        except (KeyboardInterrupt, SystemExit) as error:
            raise RuntimeError(f"A task on a Dask worker raised {error!r}.") from error


class KeepingBackend(DaskDistributedBackend):
    """The Dask backend of joblib, for work that outlives the workers.

    joblib's own tells its caller of results, and of errors only where a task returns
    them. Here every batch is followed by a coroutine, which ends by the result or by
    whatever error there is, be it of the task, of its worker, or of sending the batch.

    Parameters
    ----------
    client : distributed.Client, default=None
        The client; by default that of `scheduler_host`, or else the current one.
    scheduler_host : str, default=None
        Address of the scheduler.
    no_workers_timeout : float, default=300
        Seconds without any worker after which calls end with an error.
    **options : dict
        As in joblib's backend.
    """

    supports_retrieve_callback = True  # of joblib's own since 1.4

    def __init__(
        self, client=None, scheduler_host=None, no_workers_timeout=300, **options
    ):
        if client is None and scheduler_host is not None:
            client = Client(scheduler_host, set_as_default=False)
        elif client is None:
            client = get_client()
        if not isinstance(client, KeepingClient):
            client = KeepingClient(client)
        super().__init__(client=client, **options)
        self.no_workers_timeout = no_workers_timeout
        self._running = set()
        self._is_deserted = False

    def __reduce__(self):
        return type(self), ()

    def get_nested_backend(self):
        """Give the backend of parallel calls within a parallel call."""
        return type(self)(
            client=self.client, no_workers_timeout=self.no_workers_timeout
        ), -1

    def effective_n_jobs(self, n_jobs):
        """Count the cores, 2 at least: one call at a time, joblib would make itself."""
        return max(2, super().effective_n_jobs(n_jobs))

    def submit(self, func, callback=None):
        """Send a batch of calls to a worker, and call back when it is over."""
        loop = self.client.loop.asyncio_loop
        future = asyncio.run_coroutine_threadsafe(self._run(func), loop)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    apply_async = submit  # its name before joblib 1.5

    async def _run(self, func):
        """Give the results of a batch of calls, or raise the error of one."""
        _, tasks = await self._to_func_args(func)
        batch = NestingBatch(tasks)
        key = f"{batch!r}-{uuid4().hex}"
        future = self.client.submit(batch, tasks=tasks, key=key, **self.submit_kwargs)
        try:
            return pickle.loads(await future)
        finally:
            future.release()

    async def _collect(self):
        """Watch, during a call of joblib's, that the cluster has workers."""
        last_seen = time.monotonic()
        while self._continue:
            if self.client.scheduler_info()["workers"]:
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > self.no_workers_timeout:
                self._is_deserted = True
                self.abort_everything()
            await asyncio.sleep(0.1)

    def retrieve_result_callback(self, future):
        """Give the results of a batch that is over, or raise its error."""
        if future.cancelled() and self._is_deserted:
            raise TimeoutError(
                f"The Dask cluster has had no worker for {self.no_workers_timeout:g} "
                "seconds. Their logs tell why they ended: out of memory, for example. "
                "Where new ones take longer to come, set "
                f"`parallel_config(backend={NAME!r}, no_workers_timeout=...)`."
            )
        return future.result()

    def abort_everything(self, ensure_ready=True):
        """Let go of what is running, so that the scheduler forgets it."""
        for future in list(self._running):
            future.cancel()


def register_dask():
    """Let joblib use a Dask cluster that may lose workers, as backend "sklcnn-dask".

    The backend is joblib's own, "dask", but for what is lost with a worker: the data
    that were sent to it, the fits it had begun and the results that were not yet
    fetched are sent, begun and computed again on the others. So a search of
    scikit-learn ends as if nothing had happened.

    An error in a task ends the search, as it does without Dask. A fit that sees the end
    of more workers than Dask's setting ``distributed.scheduler.allowed-failures`` (3)
    is taken for the cause, and ends the search with a ``KilledWorker``. Where a cluster
    has had no worker for `no_workers_timeout` seconds, a parameter of the backend, the
    search ends with a ``TimeoutError``.

    Raises
    ------
    ImportError
        If `distributed` is not installed.

    See Also
    --------
    ShareBatches : One training in several processes.
    sklcnn.CNNClassifier : Its `checkpoint_dir` keeps trainings that were killed.

    Notes
    -----
    Dask's setting ``distributed.deploy.lost-worker-timeout`` gets a default of 60
    seconds in place of 15, in which a worker may die several times and still be back.

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
    deploy = {"lost-worker-timeout": LOST_WORKER_TIMEOUT}
    dask.config.update_defaults({"distributed": {"deploy": deploy}})
    register_parallel_backend(NAME, KeepingBackend)
