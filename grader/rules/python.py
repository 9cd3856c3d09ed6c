"""What kv_cache.py imports and calls, by its syntax tree.

It looks for what has no place in a KV-cache: other processes, files and libraries, code made at run
time, patches to torch; and, unless the rubric allows them, torch's fused attention and compiler,
which would do the work in place of the model's layers. An import that is never used breaks no rule.

A Python program can hide anything from a reader of its text. What it does is kept in by the
worker's isolation, and what it computes is checked.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from grader.rules.broken import Broken, words

RULE = "python"
MOST_BYTES = 1 << 18

ALLOWED = words("modules")
# Of these modules, only what a message or a switch needs.
PARTS = {
    "gc": {"collect", "disable", "enable", "freeze"},
    "os": {"environ", "getenv", "cpu_count", "linesep"},
    "sys": {"exit", "flags", "float_info", "getsizeof", "maxsize", "platform", "stderr", "stdout",
            "version", "version_info"},
}  # fmt: skip
# Of packages on the list, what isn't.
MODULES = {
    "mingpt.build": "it is the loader's",
    "mingpt.decoder": "a KV-cache is fed by the model that generate is given",
    "mingpt.kernels": "a KV-cache is fed by the model that generate is given",
    "mingpt.run": "it is a program",
    "numpy.ctypeslib": "it loads libraries",
    "numpy.distutils": "it runs compilers",
    "numpy.f2py": "it runs compilers",
    "torch.distributed": "it starts processes",
    "torch.hub": "it downloads code",
    "torch.multiprocessing": "it starts processes",
    "torch.utils.cpp_extension": "it runs compilers",
}
# Modules that others have as an attribute (logging.os, torch.ctypes, random._os): not by that way.
HIDDEN = {
    *("builtins", "codecs", "ctypes", "gc", "importlib", "inspect", "io", "multiprocessing", "os"),
    *("pathlib", "pickle", "posix", "shutil", "socket", "subprocess", "sys", "tempfile"),
    *("threading", "weakref"),
}
COMPILE = "torch's compiler is not allowed: the model's own layers are to run"
FUSED = "torch's fused attention is not allowed: the model computes attention"
COMPILED = ("torch._dynamo", "torch._inductor", "torch._export", "torch.compiler", "torch.export",
            "torch.fx", "torch.jit", "torch.onnx", "torch.package")  # fmt: skip
FUSED_NAMES = {
    *("scaled_dot_product_attention", "flex_attention", "MultiheadAttention"),
    *("multi_head_attention_forward", "_native_multi_head_attention"),
    *("TransformerEncoder", "TransformerEncoderLayer", "_transformer_encoder_layer_fwd"),
    *("TransformerDecoder", "TransformerDecoderLayer"),
}
FUSED_MODULES = ("torch.nn.attention",)
LOADS = {
    "torch.load": "it loads what others have made",
    "torch.save": "a KV-cache writes no files",
    "torch.ops": "it calls torch's internals",
    "torch.classes": "it calls torch's internals",
    "torch._C": "it calls torch's internals",
    "torch.library": "it patches torch",
    "torch.overrides": "it patches torch",
    "torch.utils._python_dispatch": "it patches torch",
    "torch.from_file": "a KV-cache reads no files",
    "numpy.load": "a KV-cache reads no files",
    "numpy.save": "a KV-cache writes no files",
    "numpy.savez": "a KV-cache writes no files",
    "numpy.fromfile": "a KV-cache reads no files",
    "numpy.memmap": "a KV-cache reads no files",
    "numpy.loadtxt": "a KV-cache reads no files",
    "numpy.genfromtxt": "a KV-cache reads no files",
}
BUILTINS = {
    "__import__": "import at the top of the file, by name",
    "breakpoint": "nobody is there to answer a debugger",
    "compile": "code is not made at run time",
    "eval": "code is not made at run time",
    "exec": "code is not made at run time",
    "globals": "a module's names are not reached by text",
    "open": "a KV-cache opens no files",
}
DUNDERS = {
    *("__base__", "__bases__", "__builtins__", "__closure__", "__code__", "__defaults__"),
    *("__getattribute__", "__globals__", "__import__", "__kwdefaults__", "__loader__", "__mro__"),
    *("__reduce__", "__reduce_ex__", "__setstate__", "__spec__", "__subclasses__"),
    *("_getframe", "cell_contents", "f_back", "f_globals", "f_locals", "gi_frame", "tb_frame"),
}
MODEL = (
    *("ops", "forward", "next_logits", "transformer", "_hidden", "_lm_head"),
    *("__class__", "__dict__"),
)


def check(path: Path, *, compile: bool, fused_attention: bool) -> list[Broken]:
    """All that breaks the rule. A file that doesn't parse breaks none: loading it tells why.

    compile, fused_attention: whether the rubric allows torch's.
    """
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        text = f"it is larger than {MOST_BYTES >> 10} KB: is it the file you meant?"
        return [Broken(RULE, path.name, 0, text)]
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return []
    except (RecursionError, MemoryError):
        return [Broken(RULE, path.name, 0, "its expressions are nested too deeply to be read")]
    reader = Reader(tree, compile, fused_attention)
    found = [Broken(RULE, path.name, line, text) for line, text in reader.broken()]
    return sorted(dict.fromkeys(found), key=lambda broken: broken.line)


class Reader:
    """A module's imports, and what is done with them."""

    def __init__(self, tree: ast.Module, compile: bool, fused_attention: bool):
        self._nodes = list(_walk(tree))
        self._compile, self._fused = compile, fused_attention
        self._bound: dict[str, str] = {}  # a name of the file -> what was imported by it
        self._own: set[str] = set()  # names that the file gives to things of its own
        for node in self._nodes:
            self._bind(node)
        self._used = {n.id for n in self._nodes if isinstance(n, ast.Name)}

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                self._bound[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self._bound[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            self._own.add(node.name)
        elif isinstance(node, ast.arg):
            self._own.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            self._own.add(node.id)

    def full_name(self, node: ast.AST) -> str:
        """What an expression names, with its modules: "torch.nn.functional.linear" for F.linear.
        "" for anything but names of imported things."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._bound:
            return ""
        return ".".join([self._bound[node.id], *reversed(parts)])

    def broken(self) -> Iterator[tuple[int, str]]:
        """(line, what is wrong)."""
        inner = {
            id(node.value) for node in self._nodes if isinstance(node, ast.Attribute)
        }  # of a longer name, which is looked at whole
        for node in self._nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for text in self._import(node):
                    yield node.lineno, text
            elif isinstance(node, ast.Attribute | ast.Name):
                texts = [*self._named(node)] if id(node) not in inner else []
                texts += self._attribute(node) if isinstance(node, ast.Attribute) else []
                for text in texts:
                    yield node.lineno, text
            elif isinstance(node, ast.Call):
                for text in self._call(node):
                    yield node.lineno, text

    def _import(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        for alias in node.names:
            module = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            bound = alias.asname or alias.name.partition(".")[0]
            if isinstance(node, ast.ImportFrom) and node.level:
                yield "it imports from its own folder: kv_cache.py must stand alone"
            elif alias.name == "*" and node.module.partition(".")[0] not in ALLOWED:
                yield f"from {node.module} import *: {node.module} is not on the list of modules"
            elif bound not in self._used:
                continue  # it does nothing
            elif module.partition(".")[0] not in (*ALLOWED, *PARTS):
                name = node.module if isinstance(node, ast.ImportFrom) else module
                yield f"it uses {name}, which is not on the list of modules"

    def _named(self, node: ast.Attribute | ast.Name) -> Iterator[str]:
        """What is said of a name that belongs to a module."""
        name = self.full_name(node)
        if not name:
            if isinstance(node, ast.Name) and node.id == "__builtins__":
                yield "__builtins__ is not to be used"
            return
        root, _, rest = name.partition(".")
        if root in PARTS and rest.partition(".")[0] not in PARTS[root]:
            what = name if rest else f"{root} as a whole"
            yield f"it uses {what}: of {root}, only {', '.join(sorted(PARTS[root]))} may be used"
        inner = [part for part in rest.split(".") if part.strip("_") in HIDDEN]
        if inner and root in ALLOWED:
            yield f"it uses {name}: {inner[0].strip('_')} is not reached through another module"
        for listed, why in (MODULES | LOADS).items():
            if name == listed or name.startswith(f"{listed}."):
                yield f"it uses {listed}: {why}"
        if not self._compile and (
            name == "torch.compile" or f"{name}.".startswith(tuple(f"{m}." for m in COMPILED))
        ):
            yield f"it uses {name}: {COMPILE}"
        fused = FUSED_NAMES & set(name.split(".")) or name.startswith(FUSED_MODULES)
        if not self._fused and fused:
            yield f"it uses {name}: {FUSED}"
        patched = isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        if patched and root in ALLOWED and not name.startswith("torch.backends."):
            yield f"it changes {name}: what belongs to {root} stays as it is"

    def _attribute(self, node: ast.Attribute) -> Iterator[str]:
        """What is said of an attribute, whatever it belongs to."""
        if node.attr in DUNDERS:
            yield f"{node.attr} reaches into what is not the file's own"
        if self.full_name(node):
            return
        if not self._fused and node.attr in FUSED_NAMES:
            yield f"it uses {node.attr}: {FUSED}"
        if not self._compile and node.attr == "compile" and not _is_self(node.value):
            yield f"it uses {ast.unparse(node)[:60]}: {COMPILE}"
        of_model = isinstance(node.value, ast.Name) and node.value.id == "model"
        if of_model and node.attr in MODEL and not isinstance(node.ctx, ast.Load):
            yield f"it changes model.{node.attr}: the model stays as it is"

    def _call(self, node: ast.Call) -> Iterator[str]:
        if self.full_name(node.func) in ("operator.attrgetter", "operator.methodcaller"):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            for part in ".".join(map(str, texts)).split("."):
                yield from self._by_text(part)
        if not isinstance(node.func, ast.Name):
            return
        name = node.func.id
        if name in BUILTINS and name not in self._own and name not in self._bound:
            yield f"it calls {name}: {BUILTINS[name]}"
        if name in ("getattr", "setattr", "delattr", "hasattr") and len(node.args) >= 2:
            target, attribute = self.full_name(node.args[0]), node.args[1]
            text = attribute.value if isinstance(attribute, ast.Constant) else None
            said = list(self._by_text(text))
            if not said and name in ("setattr", "delattr") and target:
                said.append(f"it changes {target}: what belongs to a module stays as it is")
            yield from said

    def _by_text(self, name: object) -> Iterator[str]:
        """What is said of an attribute whose name is given as a text."""
        if name in DUNDERS:
            yield f"{name} reaches into what is not the file's own"
        elif not self._fused and name in FUSED_NAMES:
            yield f"it uses {name}: {FUSED}"
        elif not self._compile and name == "compile":
            yield f"it uses {name}: {COMPILE}"


def _walk(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those under `if __name__ == "__main__"`, which nobody runs here."""
    queue: list[ast.AST] = [tree]
    while queue:
        node = queue.pop()
        yield node
        children = ast.iter_child_nodes(node)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
            children = node.orelse
        queue.extend(children)


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
