{{ config(materialized='view') }} select id as customer_id, upper(name) as name, country from {{ ref('customers') }}
