"""REST: registered models and their versions. MLflow's registry calls are the only ones that create versions."""

from __future__ import annotations

from replicator.emulator import models, volumes
from replicator.emulator.errors import invalid
from replicator.emulator.metastore import Doc, public
from replicator.emulator.paging import paged
from replicator.emulator.routing import Request, Route
from replicator.emulator.securables import parts_of
from replicator.emulator.unity import UC

_MODELS = f"{UC}/models"
_MODEL = f"{_MODELS}/{{full_name}}"
_VERSION = f"{_MODEL}/versions/{{version}}"
_ALIAS = f"{_MODEL}/aliases/{{alias}}"
_MLFLOW = "/api/2.0/mlflow/unity-catalog/model-versions"


def list_models(request: Request) -> Doc:
    """GET models?catalog_name=&schema_name=."""
    found = models.all_in(request.session, request.query.get("catalog_name"), request.query.get("schema_name"))
    return paged(request, "registered_models", [_shown(doc) for doc in found], by="full_name")


def create_model(request: Request) -> Doc:
    """POST models."""
    for field in ("catalog_name", "schema_name", "name"):
        request.text(field)
    return _shown(models.create(request.session, request.json))


def get_model(request: Request) -> Doc:
    """GET models/{full_name}?include_aliases=."""
    parts = _parts(request)
    doc = _shown(models.get(request.session, parts))
    return doc | {"aliases": models.aliases(request.session, parts)} if request.flag("include_aliases") else doc


def update_model(request: Request) -> Doc:
    """PATCH models/{full_name}: comment, owner, name."""
    return _shown(volumes.update(request.session, "model", _parts(request), request.json))


def delete_model(request: Request) -> None:
    """DELETE models/{full_name}: with all its versions."""
    models.delete(request.session, _parts(request))


def set_alias(request: Request) -> Doc:
    """PUT models/{full_name}/aliases/{alias} with version_num."""
    number = request.json.get("version_num")
    if not isinstance(number, int) or isinstance(number, bool):
        raise invalid("Missing required field: version_num")
    return models.set_alias(request.session, _parts(request), request.args["alias"], number)


def delete_alias(request: Request) -> None:
    """DELETE models/{full_name}/aliases/{alias}."""
    models.delete_alias(request.session, _parts(request), request.args["alias"])


def get_by_alias(request: Request) -> Doc:
    """GET models/{full_name}/aliases/{alias}?include_aliases=."""
    return _version(request, models.by_alias(request.session, _parts(request), request.args["alias"]))


def list_versions(request: Request) -> Doc:
    """GET models/{full_name}/versions."""
    docs = models.versions(request.session, _parts(request))
    found = [_version(request, doc) | {"_key": doc["full_name"]} for doc in docs]
    return paged(request, "model_versions", found, by="_key")


def get_version(request: Request) -> Doc:
    """GET models/{full_name}/versions/{version}?include_aliases=."""
    return _version(request, models.version(request.session, _parts(request), _number(request.args["version"])))


def update_version(request: Request) -> Doc:
    """PATCH models/{full_name}/versions/{version}: the comment."""
    number = _number(request.args["version"])
    return _version(request, models.update_version(request.session, _parts(request), number, request.json))


def delete_version(request: Request) -> None:
    """DELETE models/{full_name}/versions/{version}."""
    models.delete_version(request.session, _parts(request), _number(request.args["version"]))


def register(request: Request) -> Doc:
    """POST mlflow/unity-catalog/model-versions/create: how MLflow adds a version."""
    parts = parts_of(request.text("name"), 3)
    given = {"comment": request.json.get("description"), **request.json}
    made = models.create_version(request.session, parts, given)
    return {"model_version": _mlflow(made)}


def finalize(request: Request) -> Doc:
    """POST mlflow/unity-catalog/model-versions/finalize: MLflow has uploaded the files."""
    number = _number(str(request.json.get("version", "")))
    return {"model_version": _mlflow(models.version(request.session, parts_of(request.text("name"), 3), number))}


def _parts(request: Request) -> tuple[str, ...]:
    return parts_of(request.args["full_name"], 3)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"Invalid model version '{text}'.")
    return int(text)


def _shown(doc: Doc) -> Doc:
    return {key: value for key, value in public(doc).items() if key != "id"}


def _version(request: Request, doc: Doc) -> Doc:
    parts = doc["full_name"].split(".")[:3]
    names = dict(zip(("catalog_name", "schema_name", "model_name"), parts, strict=True))
    shown = {key: value for key, value in public(doc).items() if key not in ("full_name", "name")} | names
    if request.flag("include_aliases"):
        shown["aliases"] = models.aliases(request.session, parts, doc["version"])
    return shown


def _mlflow(doc: Doc) -> Doc:
    name = ".".join(doc["full_name"].split(".")[:3])
    shown = {"name": name, "version": str(doc["version"]), "status": doc["status"]}
    return shown | {"storage_location": doc["storage_location"], "source": doc.get("source", "")}


ROUTES = (
    Route("GET", _MODELS, list_models),
    Route("POST", _MODELS, create_model),
    Route("GET", _MODEL, get_model),
    Route("PATCH", _MODEL, update_model),
    Route("DELETE", _MODEL, delete_model),
    Route("PUT", _ALIAS, set_alias),
    Route("DELETE", _ALIAS, delete_alias),
    Route("GET", _ALIAS, get_by_alias),
    Route("GET", f"{_MODEL}/versions", list_versions),
    Route("GET", _VERSION, get_version),
    Route("PATCH", _VERSION, update_version),
    Route("DELETE", _VERSION, delete_version),
    Route("POST", f"{_MLFLOW}/create", register),
    Route("POST", f"{_MLFLOW}/finalize", finalize),
)
