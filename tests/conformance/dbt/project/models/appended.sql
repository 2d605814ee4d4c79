{{ config(materialized='incremental', incremental_strategy='append', partition_by=['customer_id']) }} select id, customer_id from {{ ref('orders') }}
