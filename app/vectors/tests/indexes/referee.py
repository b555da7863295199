"""Pinecone's own Python client, on behalf of the tests: reads what ours wrote, writes what ours is to read.

    referee.py read HOST NAMESPACE      prints all vectors as {id: {values, metadata}}
    referee.py write HOST NAMESPACE     writes the vectors on standard input, [{id, values, metadata}]
    referee.py query HOST NAMESPACE     asks what is on standard input, {vector, filter, top_k}; prints [[id, score]]
    referee.py tour CONTROL             makes an index, does everything once, deletes it; fails where anything is off
"""

import json
import sys

from pinecone import Pinecone

KEY = "referee-key"


def index(host):
    return Pinecone(api_key=KEY).Index(host=host)


def read(index, namespace):
    ids = [item.id for page in index.list(namespace=namespace) for item in page.vectors]
    found = {}
    for start in range(0, len(ids), 50):
        page = index.fetch(ids=ids[start : start + 50], namespace=namespace)
        for name, vector in page.vectors.items():
            found[name] = {"values": list(vector.values), "metadata": dict(vector.metadata or {})}
    return found


def query(index, namespace, asked):
    answer = index.query(
        vector=asked["vector"], top_k=asked["top_k"], filter=asked["filter"], namespace=namespace
    )
    return [[match.id, match.score] for match in answer.matches]


def tour(control):
    pinecone = Pinecone(api_key=KEY, host=control)
    assert not pinecone.has_index("tour")
    pinecone.create_index(
        name="tour",
        dimension=4,
        metric="cosine",
        spec={"serverless": {"cloud": "aws", "region": "us-east-1"}},
        deletion_protection="enabled",
        tags={"app": "x"},
    )
    described = pinecone.describe_index("tour")
    assert described.status.ready, described
    assert [item.name for item in pinecone.list_indexes()] == ["tour"]

    index = pinecone.Index(host=described.host)
    metadata = {"lang": "de", "n": 3, "ok": True, "tags": ["x", "y"]}
    vectors = [{"id": f"a#{n}", "values": [1.0, n, 0.0, 0.5], "metadata": {**metadata, "n": n}} for n in range(250)]
    for start in range(0, 250, 100):
        index.upsert(vectors=vectors[start : start + 100], namespace="ns1")
    answer = index.query(
        vector=[1.0, 0.0, 0.0, 0.5],
        top_k=3,
        filter={"$and": [{"lang": {"$eq": "de"}}, {"n": {"$gte": 2}}, {"tags": "x"}]},
        include_metadata=True,
        namespace="ns1",
    )
    assert [match.id for match in answer.matches] == ["a#2", "a#3", "a#4"], answer
    assert answer.matches[0].metadata["n"] == 2 and answer.usage.read_units >= 1, answer
    assert len(read(index, "ns1")) == 250
    index.update(id="a#1", set_metadata={"n": 4}, namespace="ns1")
    assert index.fetch(ids=["a#1"], namespace="ns1").vectors["a#1"].metadata["n"] == 4
    index.delete(ids=["a#1", "a#2"], namespace="ns1")
    index.delete(filter={"n": {"$gte": 10}}, namespace="ns1")
    stats = index.describe_index_stats()
    assert (stats.dimension, stats.total_vector_count) == (4, 8), stats
    assert [page.name for part in index.list_namespaces() for page in part.namespaces] == ["ns1"]
    index.delete(delete_all=True, namespace="ns1")
    assert read(index, "ns1") == {}
    index.delete_namespace(name="ns1")
    try:
        index.upsert(vectors=[{"id": "b", "values": [1.0]}], namespace="ns1")
        raise AssertionError("a vector of another dimension was taken")
    except Exception as error:
        assert "dimension" in str(error), error

    try:
        pinecone.delete_index("tour")
        raise AssertionError("a protected index was deleted")
    except Exception as error:
        assert "protection" in str(error), error
    pinecone.configure_index("tour", deletion_protection="disabled")
    pinecone.delete_index("tour")
    assert not pinecone.has_index("tour")


def main():
    command, address, *rest = sys.argv[1:]
    if command == "tour":
        tour(address)
        print("done")
    elif command == "read":
        print(json.dumps(read(index(address), rest[0])))
    elif command == "query":
        print(json.dumps(query(index(address), rest[0], json.load(sys.stdin))))
    elif command == "write":
        index(address).upsert(vectors=json.load(sys.stdin), namespace=rest[0])
        print("done")


main()
