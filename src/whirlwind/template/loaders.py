"""Where templates come from: `BaseLoader`, `Loader` for files, `DictLoader`."""

import os.path
import posixpath
import threading
from typing import Any

from whirlwind._public import claim
from whirlwind.template.template import DEFAULT_AUTOESCAPE, Template


class BaseLoader:
    """Finds templates by name and keeps them, compiled.

    Loaders may be used by several threads. A loader of your own overrides `resolve_path` and
    ``_create_template(name)``, which returns the `Template`.

    :arg autoescape: the autoescape function of templates that choose none themselves.
    :arg namespace: dict of names for all templates.
    :arg whitespace: whitespace mode of templates that choose none themselves, see
        `filter_whitespace`; None: by their name (Tornado 4.3).

    :ivar templates: dict of the templates loaded, by resolved name.
    :ivar lock: held while a template is being made.
    """

    def __init__(
        self,
        autoescape: str | None = DEFAULT_AUTOESCAPE,
        namespace: dict[str, Any] | None = None,
        whitespace: str | None = None,
    ) -> None:
        self.autoescape = autoescape
        self.namespace: dict[str, Any] = namespace or {}
        self.whitespace = whitespace
        self.templates: dict[str, Template] = {}
        self.lock: threading.RLock = threading.RLock()

    def reset(self) -> None:
        """Forget the templates, so that they are made anew."""
        with self.lock:
            self.templates = {}

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """The full name of a template.

        :arg name: as written, in a call or in another template.
        :arg parent_path: full name of that other template.
        """
        raise NotImplementedError(f"{type(self).__name__} must define resolve_path()")

    def load(self, name: str, parent_path: str | None = None) -> Template:
        """The template of a name, made at first use.

        :arg name, parent_path: as for `resolve_path`.
        :raises ParseError: there is something wrong with it.
        """
        name = self.resolve_path(name, parent_path=parent_path)
        template = self.templates.get(name)
        if template is None:
            with self.lock:
                template = self.templates.get(name)
                if template is None:
                    template = self.templates[name] = self._create_template(name)
        return template

    def _create_template(self, name: str) -> Template:
        raise NotImplementedError(f"{type(self).__name__} must define _create_template()")


class Loader(BaseLoader):
    """Loads templates from the files of a directory.

    :arg root_directory: its path.
    :arg kwargs: as for `BaseLoader`.

    :ivar root: the path, absolute.
    """

    def __init__(self, root_directory: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root: str = os.path.abspath(root_directory)

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """Names are relative to the file they are written in, as far as that is below the root."""
        if _is_relative(name, parent_path):
            directory = os.path.dirname(os.path.join(self.root, parent_path or ""))
            path = os.path.abspath(os.path.join(directory, name))
            below = os.path.join(self.root, "")
            if path.startswith(below):
                return path[len(below) :]
        return name

    def _create_template(self, name: str) -> Template:
        with open(os.path.join(self.root, name), "rb") as file:
            return Template(file.read(), name=name, loader=self)


class DictLoader(BaseLoader):
    """Loads templates from a dict, for tests above all.

    :arg dict: source by name.
    :arg kwargs: as for `BaseLoader`.
    """

    def __init__(self, dict: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dict = dict

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        """Names are relative to the template they are written in, as paths would be."""
        if _is_relative(name, parent_path):
            directory = posixpath.dirname(parent_path or "")
            return posixpath.normpath(posixpath.join(directory, name))
        return name

    def _create_template(self, name: str) -> Template:
        return Template(self.dict[name], name=name, loader=self)


def _is_relative(name: str, parent_path: str | None) -> bool:
    # Templates that come from no file are called "<string>" or the like.
    return bool(parent_path) and not name.startswith("/") and (parent_path or "")[0] not in "</"


claim("whirlwind.template", BaseLoader, Loader, DictLoader)
