"""Every public name is documented: what it takes, with an example, in agreement with its signature."""

import ast
import inspect
import re
import textwrap

import pytest

import bss2sim

PUBLIC = [name for name in bss2sim.__all__ if name != "__version__"]
ERRORS = [name for name in PUBLIC if name.endswith("Error")]
WITH_PARAMETERS = [name for name in PUBLIC if name not in ERRORS]
# Functions of the public submodules, by what their __all__ says.
IN_MODULES = [
    f"{module}.{name}"
    for module in bss2sim._MODULES
    if module != "errors"
    for name in getattr(getattr(bss2sim, module), "__all__", ())
]


# What a name means if it is a time, and if it is a potential: its entry must name a unit.
TIMES = re.compile(r"(dt|duration|tau\w*|\w+_time|time|t_max|runtime)$")
POTENTIALS = re.compile(r"(threshold|reset|leak|trace_offset|amplitude)$")


def find(name: str) -> object:
    """Public object by its dotted name."""
    value: object = bss2sim
    for part in name.split("."):
        value = getattr(value, part)
    return value


def sections(name: str) -> dict[str, list[str]]:
    """Title -> lines of each numpydoc section of a docstring; the text before the first is under ''."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    lines = (inspect.getdoc(find(name)) or "").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line and re.fullmatch(r"-{3,}", following) and len(following) == len(line):
            title = line
            found[title] = []
        elif not (re.fullmatch(r"-{3,}", line) and not found[title]):
            found[title].append(line)
    return found


def documented(lines: list[str]) -> dict[str, str]:
    """Parameter -> type in a numpydoc section; `a, b : float` documents two."""
    entries = {}
    for line in lines:
        if line and not line[0].isspace():
            names, _, kind = line.partition(" : ")
            entries.update({name.strip().lstrip("*"): kind for name in names.split(",")})
    return entries


def texts(lines: list[str]) -> dict[str, str]:
    """Parameter -> its whole entry in a numpydoc section."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line and not line[0].isspace():
            names = [name.strip().lstrip("*") for name in line.partition(" : ")[0].split(",")]
        for name in names:
            found[name] = f"{found.get(name, '')} {line.strip()}"
    return found


def inspected(value: type) -> dict[str, object]:
    """What a class has of its own and of the classes of this package that it is made of."""
    own = [part for part in reversed(value.__mro__) if part.__module__.startswith("bss2sim")]
    return {name: found for part in own for name, found in vars(part).items()}


def methods(names: list[str]) -> list[str]:
    """Public methods of the classes among names, without those of hxtorch and PyTorch, whose interface theirs is."""
    return [
        f"{name}.{method}"
        for name in names
        if inspect.isclass(find(name)) and not name.startswith(("hxtorch.", "torch."))
        for method, value in inspected(find(name)).items()
        if not method.startswith("_") and inspect.isroutine(value)
    ]


METHODS = methods(WITH_PARAMETERS + IN_MODULES)
DOCUMENTED = WITH_PARAMETERS + IN_MODULES + METHODS


def function_of(name: str) -> object:
    """What runs when a name is called: of a class its constructor."""
    value = find(name)
    return inspect.unwrap(value.__init__ if inspect.isclass(value) else value)


def arguments(name: str) -> list[inspect.Parameter]:
    """Parameters of a signature, self left out."""
    return [p for p in inspect.signature(find(name)).parameters.values() if p.name not in ("self", "cls")]


@pytest.mark.parametrize("name", PUBLIC + IN_MODULES + METHODS)
def test_docstring__begins_with_a_sentence(name: str) -> None:
    doc = inspect.getdoc(find(name))
    assert doc, f"{name} has no docstring"
    first = doc.splitlines()[0]
    assert first.endswith("."), first
    assert "TODO" not in doc


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring__parameters_agree_with_the_signature(name: str) -> None:
    entries = documented(sections(name).get("Parameters", []))
    assert list(entries) == [p.name for p in arguments(name)]
    variadic = {p.name for p in arguments(name) if p.kind is p.VAR_KEYWORD}
    assert all(kind or entry in variadic for entry, kind in entries.items()), f"{name}: a parameter has no type"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring__has_an_example(name: str) -> None:
    assert any(line.startswith(">>>") for line in sections(name).get("Examples", [])), f"{name} has no example"


@pytest.mark.parametrize("name", [n for n in DOCUMENTED if not inspect.isclass(find(n))])
def test_docstring__says_what_comes_back(name: str) -> None:
    returns = inspect.signature(find(name)).return_annotation
    assert returns is not inspect.Signature.empty, f"{name} has no return annotation"
    if returns not in (None, "None"):
        assert sections(name).get("Returns"), f"{name} does not say what it returns"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring__names_the_errors(name: str) -> None:
    """Those that are raised where everyone can see it: in the body, and by the guard against unknown keywords."""
    value = find(name)
    called = value.__init__ if inspect.isclass(value) else value
    try:
        source = textwrap.dedent(inspect.getsource(function_of(name)))
    except (OSError, TypeError):  # a constructor that Python made
        source = "pass"
    raised = {
        node.exc.func.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    } & set(ERRORS)
    if hasattr(called, "__wrapped__"):
        raised.add("UnknownKeywordError")
    listed = "\n".join(sections(name).get("Raises", []))
    missing = [error for error in raised if error not in listed]
    assert not missing, f"{name} raises {missing}, which its docstring does not say"


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring__has_units(name: str) -> None:
    for parameter, text in texts(sections(name).get("Parameters", [])).items():
        if TIMES.match(parameter) or POTENTIALS.match(parameter):
            assert re.search(r"\[[^]]*(\bs\b|LSB|unit|\b1\b)|\b[Ss]teps?\b", text), f"{name}: {parameter} has no unit"


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_signature__is_annotated(name: str) -> None:
    for parameter in arguments(name):
        assert parameter.annotation is not inspect.Parameter.empty, f"{name}({parameter.name})"


@pytest.mark.parametrize("name", ERRORS)
def test_error__derives_from_the_base_and_from_a_builtin(name: str) -> None:
    error = find(name)
    assert isinstance(error, type) and issubclass(error, bss2sim.Bss2SimError)
    if error is not bss2sim.Bss2SimError:
        assert issubclass(error, ValueError | TypeError | OSError | ImportError)


@pytest.mark.parametrize("name", [n for n in WITH_PARAMETERS if inspect.isclass(find(n))])
def test_class__lives_where_users_find_it(name: str) -> None:
    assert find(name).__module__.startswith("bss2sim")
