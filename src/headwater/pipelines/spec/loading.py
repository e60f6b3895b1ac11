"""From whatever describes pipelines to their specs and code: text, a mapping, a file, a decorated function."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from headwater.errors import Error, InvalidInput, did_you_mean
from headwater.pipelines.code.bundle import CodeBundle
from headwater.pipelines.code.capture import capture_function, capture_module
from headwater.pipelines.code.folder import capture_folder
from headwater.pipelines.code.modules import home_of, is_own_path
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec.document import Document, read_documents
from headwater.pipelines.spec.fields import Reading, refuse
from headwater.pipelines.spec.own import read_own
from headwater.pipelines.spec.pachyderm import is_pachyderm, read_pachyderm
from headwater.pipelines.spec.python import Declared, declared, pipeline, service, spout
from headwater.pipelines.spec.shapes import PipelineSpec, Transform

Source = str | bytes | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[..., Any]


@dataclass(frozen=True)
class LoadedSpec:
    """A spec, the code that goes with it, and what its author should know: fields that have no effect here."""

    spec: PipelineSpec
    code: CodeBundle | None = None
    notes: tuple[str, ...] = ()


def load(
    source: Source, *, folder: str | Path | None = None, code: str | None = None, local: bool = False
) -> list[LoadedSpec]:
    """Returns the pipelines that a source describes, in its order.

    Args:
        source: YAML or JSON, as text or bytes, of one document or several; a
            mapping, or a list of them; the path of a file with such text, or of
            one in Python, whose decorated functions are meant; such a function.
        folder: What `code` and modules are looked for from; a file's own
            folder if nothing is said, the present one for a text.
        code: The folder of the code, instead of what the source says.
        local: Images are left out: commands run on the worker itself.

    Raises:
        InvalidSpec: There are mistakes; `details` names each, of all documents.
        InvalidInput: A file is missing, or code cannot be stored.
    """
    noted = declared(source)
    if noted is not None:
        return [_of_function(noted)]
    if isinstance(source, Path) or (isinstance(source, str) and _is_path(source)):
        path = Path(source)
        if path.suffix == ".py":
            return _of_python(path)
        return _of_documents(
            read_documents(_read(path)), Path(folder or path.parent), code, local=local, origin=str(path)
        )
    here = Path(folder or ".")
    if isinstance(source, str | bytes):
        return _of_documents(read_documents(source), here, code, local=local)
    if isinstance(source, Mapping):
        return _of_documents([Document(source)], here, code, local=local)
    if isinstance(source, Sequence):
        return _of_documents([Document(one) for one in source], here, code, local=local)
    if callable(source):
        name = getattr(source, "__name__", repr(source))
        raise InvalidSpec(
            f"{name!r} is a function, but no pipeline.", hint="Put @headwater.pipeline(input=…) above it."
        )
    raise InvalidSpec(
        f"A {type(source).__name__} describes no pipeline.",
        hint="Give YAML or JSON, a mapping, a path, or a function under @headwater.pipeline.",
    )


def read_document(document: Mapping[str, Any]) -> PipelineSpec:
    """Returns the spec that a document in either form means, without looking for its code.

    Raises:
        InvalidSpec: There are mistakes; `details` names each.
    """
    reading = Reading(Document(document))
    spec = _read_one(reading)
    refuse([reading])
    assert spec is not None, "a document without mistakes is a spec"
    return spec


def _read_one(reading: Reading) -> PipelineSpec | None:
    return read_pachyderm(reading) if is_pachyderm(reading.document.value) else read_own(reading)


def _of_documents(
    documents: Sequence[Document], folder: Path, code: str | None, *, local: bool, origin: str = ""
) -> list[LoadedSpec]:
    if not documents:
        raise InvalidSpec(
            f"There is no pipeline in {origin or 'the text'}: it is empty.",
            hint="docs/pipeline-spec.md begins with a short one.",
        )
    readings = [Reading(one, at, len(documents), origin=origin) for at, one in enumerate(documents, start=1)]
    found = []
    taken: dict[str, int] = {}
    for at, reading in enumerate(readings, start=1):
        spec = _read_one(reading)
        if spec is None:
            continue
        if spec.name in taken and "name" not in {one["field"].rpartition(" ")[2] for one in reading.mistakes}:
            reading.mistake(("name",), f"{spec.name!r} is the name of document {taken[spec.name]} too")
        taken.setdefault(spec.name, at)
        spec = _placed(spec, code, local=local)
        bundle = (
            None if reading.mistakes else _code_of(reading, spec, folder, [Path(origin)] if origin else [])
        )
        found.append(LoadedSpec(spec, bundle, tuple(reading.notes)))
    refuse(readings)
    return found


def _placed(spec: PipelineSpec, code: str | None, *, local: bool) -> PipelineSpec:
    """Returns the spec with what the caller says about where its code is and runs."""
    if spec.transform is None or not (local or code is not None):
        return spec
    transform = spec.transform
    if local and transform.image:
        transform = msgspec.structs.replace(transform, image="")
    if code is not None:
        transform = msgspec.structs.replace(transform, code=code)
    return msgspec.structs.replace(spec, transform=transform)


def _code_of(
    reading: Reading, spec: PipelineSpec, folder: Path, without: Sequence[Path]
) -> CodeBundle | None:
    """Returns the code that a document names; what keeps it from being stored is a mistake."""
    transform = spec.transform
    assert transform is not None, "a spec without mistakes has one"
    try:
        if transform.function:
            return capture_module(
                transform.function,
                folder / transform.code,
                setup=transform.setup,
                whole=bool(transform.code),
                without=without,
            )
        if transform.code:
            return capture_folder(folder / transform.code, without=without)
    except Error as error:
        field = "function" if transform.function and not transform.code else "code"
        reading.mistake(("transform", field), f"{error.message} {error.hint}")
        return None
    _check_scripts(reading, transform, folder)
    return None


def _check_scripts(reading: Reading, transform: Transform, folder: Path) -> None:
    """Keeps a mistake where a command names a file beside the spec that would not be stored with it."""
    if transform.image:
        return
    for word in [part for words in transform.command for part in words.split()]:
        beside = Path(word)
        if beside.is_absolute() or not beside.suffix or len(word) > 255 or "\0" in word:
            continue
        if (folder / beside).is_file():
            reading.mistake(
                ("transform",),
                f"the command names {word!r}, a file beside the spec that is not stored with the pipeline: write `code: {beside.parent}`, the folder that is",
            )
            return


def _of_function(noted: Declared, file: Path | None = None) -> LoadedSpec:
    spec = noted.spec
    assert spec.transform is not None, "a decorated function has one"
    if noted.code is not None:
        root = file.parent if file is not None else Path()
        bundle = capture_module(
            spec.transform.function, root / noted.code, setup=spec.transform.setup, whole=True
        )
    else:
        bundle = capture_function(noted.function, setup=noted.setup, file=file)
    transform = msgspec.structs.replace(spec.transform, function=bundle.function, setup=bundle.setup)
    return LoadedSpec(msgspec.structs.replace(spec, transform=transform), bundle)


def _of_python(path: Path) -> list[LoadedSpec]:
    """Returns the decorated functions of a file, in their order there."""
    if not path.is_file():
        raise _no_file(path)
    home = home_of(path)
    with _imported(path, home.module, home.root) as module:
        noted = [
            one
            for value in vars(module).values()
            if (one := declared(value)) is not None and one.function.__module__ == module.__name__
        ]
        unique = list({id(one): one for one in noted}.values())
        unique.sort(key=lambda one: inspect.unwrap(one.function).__code__.co_firstlineno)
        loaded = [_of_function(one, path.resolve()) for one in unique]
    if not loaded:
        raise InvalidSpec(
            f"{str(path)!r} has no function that is a pipeline.",
            hint="Put @headwater.pipeline(input=…) above one.",
        )
    names = [one.spec.name for one in loaded]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidSpec(
            f"{str(path)!r} has two pipelines called {', '.join(map(repr, twice))}.", hint="Give one `name=`."
        )
    return loaded


@contextmanager
def _imported(path: Path, name: str, root: Path) -> Iterator[ModuleType]:
    """Runs a file as the module that it is, with the modules beside it in reach, and forgets it again."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a file that ends with .py is a module"
    assert spec.loader is not None, "a file that ends with .py has a loader"
    module = importlib.util.module_from_spec(spec)
    before, path_before = dict(sys.modules), list(sys.path)
    sys.modules[name] = module
    sys.path.insert(0, str(root))
    try:
        _run(spec.loader.exec_module, module, path)
        yield module
    finally:
        sys.path[:] = path_before
        for new in [one for one in sys.modules if one not in before and _is_own(sys.modules[one])]:
            del sys.modules[new]  # the next file may have another module of that name beside it
        if name in before:
            sys.modules[name] = before[name]


def _is_own(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and is_own_path(Path(file))


def _run(run: Callable[[ModuleType], None], module: ModuleType, path: Path) -> None:
    try:
        run(module)
    except Error:
        raise
    except (Exception, SystemExit) as error:
        raise InvalidInput(
            f"{str(path)!r} cannot be imported: {type(error).__name__}: {error}.{_line(error, path)}",
            hint=_decorating(error) or f"`python {path}` shows where.",
        ) from error


def _decorating(error: BaseException) -> str:
    """Returns what to do where a decorator of a pipeline was not called, or with a keyword that it has not."""
    decorator = {f"{one.__name__}()": one for one in (pipeline, spout, service)}.get(
        str(error).split(" ", 1)[0]
    )
    if not isinstance(error, TypeError) or decorator is None:
        return ""
    _, unexpected, wrong = str(error).rpartition("unexpected keyword argument ")
    if unexpected:
        return did_you_mean(wrong.strip("'"), inspect.signature(decorator).parameters)
    inside = "" if decorator is spout else "input=…"
    return f"Write `@headwater.{decorator.__name__}({inside})` above the function."


def _line(error: BaseException, path: Path) -> str:
    at, line = error.__traceback__, None
    while at is not None:
        if Path(at.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = at.tb_lineno
        at = at.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno
    return "" if line is None else f" It happened in line {line}."


def _is_path(text: str) -> bool:
    """Tells a path from YAML and JSON: a spec has a colon and a space, a bracket or several lines."""
    stripped = text.strip()
    if "\n" in stripped or stripped[:1] in {"{", "["} or not stripped:
        return False
    return ": " not in stripped or Path(text).suffix in {".yaml", ".yml", ".json", ".py"}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _no_file(path) from None
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error.strerror}.", hint="Name a file.") from None


def _no_file(path: Path) -> InvalidInput:
    return InvalidInput(f"There is no file {str(path)!r}.", hint="Name the file that holds the spec.")
