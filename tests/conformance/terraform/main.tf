terraform {
  required_providers {
    databricks = { source = "databricks/databricks" }
  }
}

variable "name" { type = string }
variable "warehouse_id" { type = string }

provider "databricks" { auth_type = "pat" }

data "databricks_current_user" "me" {}
data "databricks_current_metastore" "this" {}
data "databricks_sql_warehouse" "this" { id = var.warehouse_id }

resource "databricks_catalog" "this" {
  name          = var.name
  comment       = "by Terraform"
  properties    = { purpose = "conformance" }
  force_destroy = true
}

resource "databricks_schema" "this" {
  catalog_name  = databricks_catalog.this.name
  name          = "made"
  force_destroy = true
}

resource "databricks_volume" "this" {
  catalog_name = databricks_catalog.this.name
  schema_name  = databricks_schema.this.name
  name         = "files"
  volume_type  = "MANAGED"
}

resource "databricks_sql_table" "this" {
  catalog_name = databricks_catalog.this.name
  schema_name  = databricks_schema.this.name
  name         = "people"
  table_type   = "MANAGED"
  warehouse_id = var.warehouse_id
  column {
    name = "id"
    type = "bigint"
  }
  column {
    name    = "name"
    type    = "string"
    comment = "what they are called"
  }
}

resource "databricks_grants" "schema" {
  schema = databricks_schema.this.id
  grant {
    principal  = "account users"
    privileges = ["USE_SCHEMA", "SELECT"]
  }
}

resource "databricks_recipient" "this" {
  name                = var.name
  authentication_type = "TOKEN"
}

resource "databricks_share" "this" {
  name = var.name
  object {
    name             = databricks_sql_table.this.id
    data_object_type = "TABLE"
  }
}

resource "databricks_grants" "share" {
  share = databricks_share.this.name
  grant {
    principal  = databricks_recipient.this.name
    privileges = ["SELECT"]
  }
}
