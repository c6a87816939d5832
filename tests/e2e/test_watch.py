"""Watch mode: tickets are registered and loaded as they arrive."""
import os
import threading

import harness

TABLE = "id,v\n1,10\n2,20\n"


def test_tickets_are_loaded_as_they_arrive(make_service, client):
    service = make_service(watch="true", source__poll_ms=20)
    service.put("first.csv", TABLE, prim_index="id")
    harness.until("the first is loaded", lambda: client.hlen("first") == 2)
    service.put("second.csv", TABLE + "3,30\n", prim_index="id")
    harness.until("the second is loaded", lambda: client.hlen("second") == 3)
    harness.until("its ticket says so", lambda: service.ticket("second")["status"] == "PROCESSED")
    # A ticket that is made READY again is loaded again.
    service.put("second.csv", TABLE, prim_index="id")
    harness.until("the second is loaded again", lambda: client.hlen("second") == 2)


def test_a_growing_file_is_waited_for(make_service, client):
    """Its ticket is there first; nothing is loaded until the file has rested."""
    service = make_service(watch="true", source__poll_ms=20, source__settle_ms=400)
    path = service.path("t.csv")
    done = threading.Event()

    def grow():
        with open(path, "w", encoding="utf-8") as out:
            out.write("id,v\n")
            for number in range(40):
                out.write(f"{number},{number}\n")
                out.flush()
                done.wait(0.02)  # the writer's own pace, far quicker than settle_ms

    writer = threading.Thread(target=grow)
    writer.start()
    service.put_ticket("t.csv", prim_index="id")
    harness.until("it is loaded", lambda: client.exists("t.META"))
    writer.join()
    assert client.hlen("t") == 40, "it was read while it grew"


def test_a_failed_ticket_is_not_tried_over_and_over(make_service, client):
    service = make_service(watch="true", source__poll_ms=20)
    service.put("bad.csv", b"")
    harness.until("it has failed", lambda: service.ticket("bad")["status"] == "FAILED")
    stamp = os.stat(service.path("bad.ticket")).st_mtime_ns
    service.put("good.csv", TABLE)
    harness.until("the other one is loaded", lambda: client.hlen("good") == 2)
    assert os.stat(service.path("bad.ticket")).st_mtime_ns == stamp
