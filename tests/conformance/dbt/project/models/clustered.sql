{{ config(liquid_clustered_by=['id'], databricks_tags={'team': 'retail'}) }} select id from {{ ref('orders') }}
