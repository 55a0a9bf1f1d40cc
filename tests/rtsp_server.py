"""Serve a file over RTSP with Debian's gir1.2-gst-rtsp-server-1.0; run by the system's Python.

Arguments: a Matroska file with H.264, and a port. The clients of /live share one run through the file.
"""

import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
if not all(map(Gst.ElementFactory.find, ("fdsrc", "matroskademux", "h264parse", "rtph264pay"))):
    sys.exit("no plugins")
if len(sys.argv) > 1:
    # Like a camera, a pipe cannot be sought; a client that joins would start a file anew.
    file = subprocess.Popen(["cat", sys.argv[1]], stdout=subprocess.PIPE)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[2])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( fdsrc fd={file.stdout.fileno()} ! matroskademux ! h264parse "
        "! rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )
    factory.set_shared(True)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()
