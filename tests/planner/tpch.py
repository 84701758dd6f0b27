"""TPC-H's tables with a few hundred rows of our own, and its 22 queries with calls around strings.

Q(x) is a call in the planned form and x itself in plain SQL: the endpoint echoes.
"""

from __future__ import annotations

TABLES = """
CREATE TABLE region AS SELECT i AS r_regionkey, ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'][i + 1] AS r_name
    FROM range(5) s(i);
CREATE TABLE nation AS SELECT i AS n_nationkey,
    ['ALGERIA', 'BRAZIL', 'CHINA', 'FRANCE', 'SAUDI ARABIA', 'KENYA', 'CANADA', 'INDIA', 'GERMANY', 'IRAN'][i + 1] AS n_name,
    i % 5 AS n_regionkey FROM range(10) s(i);
CREATE TABLE supplier AS SELECT i AS s_suppkey, 'Supplier#' || i AS s_name, 'sa' || i AS s_address, i % 10 AS s_nationkey,
    (10 + i % 25) || '-555-' || i AS s_phone, (i * 37 % 1000)::DECIMAL(12, 2) AS s_acctbal,
    CASE WHEN i % 7 = 0 THEN 'Customer x Complaints' ELSE 'fine ' || i END AS s_comment FROM range(20) s(i);
CREATE TABLE customer AS SELECT i AS c_custkey, 'Customer#' || i AS c_name, 'ca' || i AS c_address, i % 10 AS c_nationkey,
    (10 + i % 25) || '-777-' || i AS c_phone, (i * 53 % 900 - 100)::DECIMAL(12, 2) AS c_acctbal,
    ['BUILDING', 'MACHINERY', 'AUTOMOBILE'][i % 3 + 1] AS c_mktsegment, 'c ' || i AS c_comment FROM range(40) s(i);
CREATE TABLE part AS SELECT i AS p_partkey, ['forest', 'green', 'blue'][i % 3 + 1] || ' part ' || i AS p_name,
    'Manufacturer#' || (i % 5) AS p_mfgr, 'Brand#' || (10 + i % 4 * 10 + i % 3) AS p_brand,
    ['ECONOMY ANODIZED STEEL', 'SMALL BRASS', 'MEDIUM POLISHED TIN', 'PROMO BRASS'][i % 4 + 1] AS p_type,
    1 + i % 50 AS p_size, ['SM CASE', 'MED BOX', 'LG PACK', 'JUMBO PKG'][i % 4 + 1] AS p_container FROM range(60) s(i);
CREATE TABLE partsupp AS SELECT p_partkey AS ps_partkey, (p_partkey * 3 + j * 7) % 20 AS ps_suppkey,
    100 + p_partkey * 13 % 900 AS ps_availqty, (1 + (p_partkey * 7 + j) % 100)::DECIMAL(12, 2) AS ps_supplycost
    FROM part, range(2) s(j);
CREATE TABLE orders AS SELECT i AS o_orderkey, i * 7 % 40 AS o_custkey, ['F', 'O', 'P'][i % 3 + 1] AS o_orderstatus,
    (100 + i * 31 % 5000)::DECIMAL(12, 2) AS o_totalprice, DATE '1993-01-01' + (i * 11 % 2200)::INTEGER AS o_orderdate,
    ['1-URGENT', '2-HIGH', '5-LOW'][i % 3 + 1] AS o_orderpriority,
    CASE WHEN i % 9 = 0 THEN 'special x requests' ELSE 'o ' || i END AS o_comment, 0 AS o_shippriority FROM range(150) s(i);
CREATE TABLE lineitem AS SELECT o_orderkey AS l_orderkey, j AS l_linenumber, (o_orderkey * 5 + j * 17) % 60 AS l_partkey,
    ((o_orderkey * 5 + j * 17) % 60 * 3 + j % 2 * 7) % 20 AS l_suppkey, (1 + (o_orderkey + j * 9) % 50)::DECIMAL(12, 2) AS l_quantity,
    (100 + (o_orderkey * 3 + j) % 900)::DECIMAL(12, 2) AS l_extendedprice, ((o_orderkey + j) % 10 / 100)::DECIMAL(12, 2) AS l_discount,
    0.02::DECIMAL(12, 2) AS l_tax, ['A', 'N', 'R'][(o_orderkey + j) % 3 + 1] AS l_returnflag, ['F', 'O'][j % 2 + 1] AS l_linestatus,
    o_orderdate + (5 + j * 20)::INTEGER AS l_shipdate, o_orderdate + 30 AS l_commitdate, o_orderdate + (10 + j * 20)::INTEGER AS l_receiptdate,
    ['DELIVER IN PERSON', 'NONE'][j % 2 + 1] AS l_shipinstruct, ['AIR', 'MAIL', 'SHIP', 'AIR REG'][(o_orderkey + j) % 4 + 1] AS l_shipmode
    FROM orders, range(3) s(j);
"""

QUERIES = {
    1: """SELECT Q(l_returnflag) AS f, Q(l_linestatus) AS s, sum(l_quantity) AS q, sum(l_extendedprice * (1 - l_discount)) AS p,
        avg(l_quantity) AS a, count(*) AS n FROM lineitem WHERE l_shipdate <= DATE '1998-09-02' GROUP BY f, s ORDER BY f, s""",
    2: """SELECT s_acctbal, Q(s_name) AS s, n_name, p_partkey, Q(p_mfgr) AS m FROM part, supplier, partsupp, nation, region
        WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size < 30 AND Q(p_type) LIKE '%BRASS'
        AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND Q(r_name) = 'EUROPE' AND ps_supplycost = (
            SELECT min(ps_supplycost) FROM partsupp, supplier, nation, region WHERE p_partkey = ps_partkey
            AND s_suppkey = ps_suppkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND Q(r_name) = 'EUROPE')
        ORDER BY s_acctbal DESC, n_name, s, p_partkey LIMIT 100""",
    3: """SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate FROM customer, orders, lineitem
        WHERE Q(c_mktsegment) = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
        AND o_orderdate < DATE '1996-03-15' AND l_shipdate > DATE '1995-03-15' GROUP BY l_orderkey, o_orderdate
        ORDER BY revenue DESC, o_orderdate, l_orderkey LIMIT 10""",
    4: """SELECT Q(o_orderpriority) AS p, count(*) AS n FROM orders WHERE o_orderdate >= DATE '1993-07-01'
        AND o_orderdate < DATE '1994-10-01' AND EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey
        AND l_commitdate < l_receiptdate AND Q(l_shipmode) <> 'SHIP') GROUP BY p ORDER BY p""",
    5: """SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue FROM customer, orders, lineitem, supplier, nation, region
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND s_nationkey = n_nationkey
        AND n_regionkey = r_regionkey AND Q(r_name) IN ('ASIA', 'EUROPE') AND o_orderdate >= DATE '1994-01-01'
        GROUP BY n_name ORDER BY revenue DESC, n_name""",
    6: """SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem WHERE l_shipdate >= DATE '1994-01-01'
        AND l_discount BETWEEN 0.03 AND 0.07 AND l_quantity < 24 AND Q(l_shipinstruct) = 'NONE'""",
    7: """SELECT supp, cust, y, sum(volume) AS v FROM (SELECT Q(n1.n_name) AS supp, Q(n2.n_name) AS cust, year(l_shipdate) AS y,
        l_extendedprice * (1 - l_discount) AS volume FROM supplier, lineitem, orders, customer, nation n1, nation n2
        WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND c_custkey = o_custkey AND s_nationkey = n1.n_nationkey
        AND c_nationkey = n2.n_nationkey AND ((n1.n_name = 'FRANCE' AND n2.n_name < 'G')
        OR (n1.n_name = 'BRAZIL' AND n2.n_name > 'G'))) GROUP BY supp, cust, y ORDER BY supp, cust, y""",
    8: """SELECT y, sum(CASE WHEN Q(nation) = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) AS share FROM (
        SELECT year(o_orderdate) AS y, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation
        FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region WHERE p_partkey = l_partkey
        AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey AND c_nationkey = n1.n_nationkey
        AND n1.n_regionkey = r_regionkey AND r_name = 'AMERICA' AND s_nationkey = n2.n_nationkey
        AND Q(p_type) = 'ECONOMY ANODIZED STEEL') GROUP BY y ORDER BY y""",
    9: """SELECT nation, y, sum(amount) AS profit FROM (SELECT Q(n_name) AS nation, year(o_orderdate) AS y,
        l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount
        FROM part, supplier, lineitem, partsupp, orders, nation WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey
        AND ps_partkey = l_partkey AND p_partkey = l_partkey AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey
        AND Q(p_name) LIKE '%green%') GROUP BY nation, y ORDER BY nation, y DESC""",
    10: """SELECT c_custkey, Q(c_name) AS c, sum(l_extendedprice * (1 - l_discount)) AS revenue, Q(n_name) AS n
        FROM customer, orders, lineitem, nation WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey
        AND o_orderdate >= DATE '1993-10-01' AND o_orderdate < DATE '1995-01-01' AND l_returnflag = 'R'
        AND c_nationkey = n_nationkey GROUP BY c_custkey, c_name, n_name ORDER BY revenue DESC, c_custkey LIMIT 5""",
    11: """SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS v FROM partsupp, supplier, nation WHERE ps_suppkey = s_suppkey
        AND s_nationkey = n_nationkey AND Q(n_name) = 'GERMANY' GROUP BY ps_partkey HAVING sum(ps_supplycost * ps_availqty) > (
            SELECT sum(ps_supplycost * ps_availqty) * 0.01 FROM partsupp, supplier, nation WHERE ps_suppkey = s_suppkey
            AND s_nationkey = n_nationkey AND Q(n_name) = 'GERMANY') ORDER BY v DESC, ps_partkey""",
    12: """SELECT Q(l_shipmode) AS m, sum(CASE WHEN Q(o_orderpriority) IN ('1-URGENT', '2-HIGH') THEN 1 ELSE 0 END) AS high
        FROM orders, lineitem WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP')
        AND l_shipdate < l_commitdate GROUP BY m ORDER BY m""",
    13: """SELECT c_count, count(*) AS n FROM (SELECT c_custkey, count(o_orderkey) AS c_count FROM customer
        LEFT JOIN orders ON c_custkey = o_custkey AND Q(o_comment) NOT LIKE '%special%requests%' GROUP BY c_custkey)
        GROUP BY c_count ORDER BY n DESC, c_count DESC""",
    14: """SELECT 100.0 * sum(CASE WHEN Q(p_type) LIKE 'PROMO%' THEN l_extendedprice ELSE 0 END) / sum(l_extendedprice) AS promo
        FROM lineitem, part WHERE l_partkey = p_partkey AND l_shipdate >= DATE '1995-09-01' AND l_shipdate < DATE '1996-03-01'""",
    15: """WITH revenue AS (SELECT l_suppkey AS supplier_no, sum(l_extendedprice) AS total FROM lineitem
        WHERE l_shipdate >= DATE '1996-01-01' AND Q(l_linestatus) = 'F' GROUP BY l_suppkey)
        SELECT s_suppkey, Q(s_name) AS s, total FROM supplier, revenue WHERE s_suppkey = supplier_no
        AND total = (SELECT max(total) FROM revenue) ORDER BY s_suppkey""",
    16: """SELECT Q(p_brand) AS b, p_type, p_size, count(DISTINCT ps_suppkey) AS n FROM partsupp, part WHERE p_partkey = ps_partkey
        AND p_brand <> 'Brand#45' AND Q(p_type) NOT LIKE 'MEDIUM POLISHED%' AND p_size IN (1, 5, 9, 14, 23)
        AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE Q(s_comment) LIKE '%Customer%Complaints%')
        GROUP BY b, p_type, p_size ORDER BY n DESC, b, p_type, p_size""",
    17: """SELECT sum(l_extendedprice) / 7.0 AS y FROM lineitem, part WHERE p_partkey = l_partkey AND Q(p_brand) = 'Brand#20'
        AND Q(p_container) = 'MED BOX' AND l_quantity < (SELECT avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)""",
    18: """SELECT Q(c_name) AS c, c_custkey, o_orderkey, o_totalprice, sum(l_quantity) AS q FROM customer, orders, lineitem
        WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 100)
        AND c_custkey = o_custkey AND o_orderkey = l_orderkey GROUP BY c_name, c_custkey, o_orderkey, o_totalprice
        ORDER BY o_totalprice DESC, o_orderkey LIMIT 4""",
    19: """SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue FROM lineitem, part WHERE p_partkey = l_partkey
        AND ((Q(p_brand) = 'Brand#10' AND p_container = 'SM CASE' AND l_quantity <= 30)
        OR (Q(p_brand) = 'Brand#21' AND p_container = 'MED BOX' AND l_quantity >= 10))
        AND Q(l_shipmode) IN ('AIR', 'AIR REG')""",
    20: """SELECT Q(s_name) AS s, Q(s_address) AS a FROM supplier, nation WHERE s_suppkey IN (SELECT ps_suppkey FROM partsupp
        WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE Q(p_name) LIKE 'forest%') AND ps_availqty > (
            SELECT 0.5 * sum(l_quantity) FROM lineitem WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey))
        AND s_nationkey = n_nationkey AND n_name IN ('CANADA', 'KENYA') ORDER BY s""",
    21: """SELECT Q(s_name) AS s, count(*) AS n FROM supplier, lineitem l1, orders, nation WHERE s_suppkey = l1.l_suppkey
        AND o_orderkey = l1.l_orderkey AND Q(o_orderstatus) = 'F' AND l1.l_receiptdate > l1.l_commitdate
        AND EXISTS (SELECT 1 FROM lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
        AND NOT EXISTS (SELECT 1 FROM lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey
            AND l3.l_receiptdate > l3.l_commitdate AND Q(l3.l_shipmode) = 'SHIP')
        AND s_nationkey = n_nationkey AND n_name < 'L' GROUP BY s ORDER BY n DESC, s LIMIT 100""",
    22: """SELECT code, count(*) AS n, sum(c_acctbal) AS total FROM (SELECT substring(Q(c_phone), 1, 2) AS code, c_acctbal FROM customer
        WHERE substring(c_phone, 1, 2) IN ('13', '31', '23', '29', '30', '18', '17') AND c_acctbal > (
            SELECT avg(c_acctbal) FROM customer WHERE c_acctbal > 0)
        AND NOT EXISTS (SELECT 1 FROM orders WHERE o_custkey = c_custkey AND o_orderkey < 25
            AND Q(o_orderpriority) = '5-LOW'))
        GROUP BY code ORDER BY code""",
}
