"""The two ways in which a workspace says no: a REST error body and a SQL error condition."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal as the REST API words it: HTTP status, `error_code` and message.

    `name` is the full name of the object concerned; the SQL front needs it to word the same refusal its own
    way.
    """

    def __init__(self, status: int, error_code: str, message: str, *, name: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.name = name

    def body(self) -> dict[str, Any]:
        """The JSON body that Databricks sends with this error."""
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": self.error_code,
            "domain": "unity-catalog.databricks.com",
            "metadata": {},
        }
        return {"error_code": self.error_code, "message": self.message, "details": [info]}


class SqlError(Exception):
    """A refusal as a SQL warehouse words it: error class, SQLSTATE and message (without the class prefix)."""

    def __init__(self, error_class: str, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.sqlstate = sqlstate
        self.message = message

    def display(self) -> str:
        """The text that clients show: `[CLASS] message SQLSTATE: 42P01`."""
        return f"[{self.error_class}] {self.message} SQLSTATE: {self.sqlstate}"


# kind -> (word in messages, prefix of the error codes, status of "not found")
_KINDS: dict[str, tuple[str, str]] = {
    "catalog": ("Catalog", "CATALOG"),
    "schema": ("Schema", "SCHEMA"),
    "table": ("Table", "TABLE"),
    "volume": ("Volume", "VOLUME"),
    "function": ("Function", "FUNCTION"),
    "model": ("Routine or Model", "RESOURCE"),
    "share": ("Share", "SHARE"),
    "recipient": ("Recipient", "RECIPIENT"),
    "provider": ("Provider", "PROVIDER"),
    "metastore": ("Metastore", "METASTORE"),
    "principal": ("Principal", "PRINCIPAL"),
    "connection": ("Connection", "CONNECTION"),
    "external_location": ("External Location", "EXTERNAL_LOCATION"),
    "storage_credential": ("Storage Credential", "STORAGE_CREDENTIAL"),
}


def noun(kind: str) -> str:
    """The word for a kind of securable in messages, e.g. `Schema`."""
    return _KINDS[kind][0] if kind in _KINDS else kind.replace("_", " ").title()


def not_found(kind: str, name: str) -> ApiError:
    """404 as Unity Catalog words it: `Schema 'c.s' does not exist.`"""
    code = f"{_KINDS[kind][1]}_DOES_NOT_EXIST"
    return ApiError(404, code, f"{noun(kind)} '{name}' does not exist.", name=name)


def already_exists(kind: str, name: str) -> ApiError:
    """Unity Catalog answers 400 (not 409) when the name is taken: `Schema 's' already exists`."""
    leaf = name.rsplit(".", 1)[-1]
    return ApiError(400, f"{_KINDS[kind][1]}_ALREADY_EXISTS", f"{noun(kind)} '{leaf}' already exists", name=name)


def not_empty(kind: str, name: str, child: str) -> ApiError:
    """Refusal to delete a container without `force`."""
    message = f"{noun(kind)} '{name}' is not empty. The {kind} has one or more {child}(s)."
    return ApiError(400, f"{_KINDS[kind][1]}_NOT_EMPTY", message, name=name)


def invalid(message: str) -> ApiError:
    """400 INVALID_PARAMETER_VALUE."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def denied(message: str) -> ApiError:
    """403 PERMISSION_DENIED."""
    return ApiError(403, "PERMISSION_DENIED", message)


def missing_privilege(privilege: str, kind: str, name: str) -> ApiError:
    """403 as Unity Catalog words it: `User does not have USE SCHEMA on Schema 'main.default'.`"""
    return denied(f"User does not have {privilege.replace('_', ' ')} on {noun(kind)} '{name}'.")


_SPELLING = "Verify the spelling and correctness of the schema and catalog."

# REST error code -> (SQL error class, SQLSTATE, template over {name}; "" keeps the REST message)
_SQL: dict[str, tuple[str, str, str]] = {
    "TABLE_DOES_NOT_EXIST": (
        "TABLE_OR_VIEW_NOT_FOUND",
        "42P01",
        "The table or view {name} cannot be found. " + _SPELLING,
    ),
    "SCHEMA_DOES_NOT_EXIST": ("SCHEMA_NOT_FOUND", "42704", "The schema {name} cannot be found. " + _SPELLING),
    "CATALOG_DOES_NOT_EXIST": (
        "NO_SUCH_CATALOG_EXCEPTION",
        "42704",
        "Catalog '{plain}' was not found. Please verify the spelling and correctness of the catalog.",
    ),
    "VOLUME_DOES_NOT_EXIST": ("VOLUME_DOES_NOT_EXIST", "42704", "Volume {name} does not exist."),
    "FUNCTION_DOES_NOT_EXIST": (
        "ROUTINE_NOT_FOUND",
        "42883",
        "The routine {name} cannot be found. " + _SPELLING,
    ),
    "SHARE_DOES_NOT_EXIST": ("SHARE_DOES_NOT_EXIST", "42704", ""),
    "RECIPIENT_DOES_NOT_EXIST": ("RECIPIENT_DOES_NOT_EXIST", "42704", ""),
    "PROVIDER_DOES_NOT_EXIST": ("PROVIDER_DOES_NOT_EXIST", "42704", ""),
    "PRINCIPAL_DOES_NOT_EXIST": ("PRINCIPAL_DOES_NOT_EXIST", "42704", ""),
    "TABLE_ALREADY_EXISTS": (
        "TABLE_OR_VIEW_ALREADY_EXISTS",
        "42P07",
        "Cannot create table or view {name} because it already exists. Choose a different name, drop or "
        "replace the existing object, or add the IF NOT EXISTS clause to tolerate pre-existing objects.",
    ),
    "SCHEMA_ALREADY_EXISTS": (
        "SCHEMA_ALREADY_EXISTS",
        "42P06",
        "Cannot create schema {name} because it already exists. Choose a different name, drop the existing "
        "schema, or add the IF NOT EXISTS clause to tolerate pre-existing schema.",
    ),
    "CATALOG_ALREADY_EXISTS": ("CATALOG_ALREADY_EXISTS", "42710", ""),
    "VOLUME_ALREADY_EXISTS": ("VOLUME_ALREADY_EXISTS", "42000", ""),
    "FUNCTION_ALREADY_EXISTS": ("ROUTINE_ALREADY_EXISTS", "42723", ""),
    "SHARE_ALREADY_EXISTS": ("SHARE_ALREADY_EXISTS", "42710", ""),
    "RECIPIENT_ALREADY_EXISTS": ("RECIPIENT_ALREADY_EXISTS", "42710", ""),
    "SCHEMA_NOT_EMPTY": (
        "SCHEMA_NOT_EMPTY",
        "2BP01",
        "Cannot drop a schema {name} because it contains objects. Use DROP SCHEMA ... CASCADE to drop the "
        "schema and all its objects.",
    ),
    "CATALOG_NOT_EMPTY": ("CATALOG_NOT_EMPTY", "2BP01", ""),
    "PERMISSION_DENIED": ("INSUFFICIENT_PERMISSIONS", "42501", "Insufficient privileges: {message}"),
    "INSUFFICIENT_STORAGE": ("DISK_FULL", "53100", ""),
    "INVALID_PARAMETER_VALUE": ("INVALID_PARAMETER_VALUE", "22023", ""),
}


def as_sql_error(error: ApiError) -> SqlError:
    """Word a REST refusal as a SQL warehouse would."""
    error_class, sqlstate, template = _SQL.get(error.error_code, (error.error_code, "58000", ""))
    quoted = ".".join(f"`{part}`" for part in error.name.split(".")) if error.name else ""
    text = template.format(name=quoted, plain=error.name, message=error.message) if template else error.message
    return SqlError(error_class, sqlstate, text)
