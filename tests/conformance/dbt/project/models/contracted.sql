select id, cast(amount as double) as amount from {{ ref('orders') }}
