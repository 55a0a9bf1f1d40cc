"""MediaPipe's face mesh of 478 points as numbers: outlines, mirror pairs, and the points that 300W has too.

The numbers of the vertices are those of MediaPipe's canonical face model. Points 468 to 477 are the irises.
Right and left are the subject's. :data:`livefan.core.landmarks.MEDIAPIPE_478` is the scheme made of them.
"""

from __future__ import annotations

N_POINTS = 478

OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Vertices of the edge of the mesh, in order from the middle of the forehead."""
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
NOSE_BRIDGE = (168, 6, 197, 195, 5, 4)
NOSE_BASE = (64, 98, 97, 2, 326, 327, 294)
RIGHT_PUPIL, LEFT_PUPIL = 468, 473
RIGHT_IRIS = (469, 470, 471, 472)
LEFT_IRIS = (474, 475, 476, 477)

MIRROR_PAIRS: tuple[tuple[int, int], ...] = (
    *zip((3, 7, 20, 21, 22, 23, 24, 25, 26), (248, 249, 250, 251, 252, 253, 254, 255, 256), strict=True),
    *zip((27, 28, 29, 30, 31, 32, 33, 34, 35), (257, 258, 259, 260, 261, 262, 263, 264, 265), strict=True),
    *zip((36, 37, 38, 39, 40, 41, 42, 43, 44), (266, 267, 268, 269, 270, 271, 272, 273, 274), strict=True),
    *zip((45, 46, 47, 48, 49, 50, 51, 52, 53), (275, 276, 277, 278, 279, 280, 281, 282, 283), strict=True),
    *zip((54, 55, 56, 57, 58, 59, 60, 61, 62), (284, 285, 286, 287, 288, 289, 290, 291, 292), strict=True),
    *zip((63, 64, 65, 66, 67, 68, 69, 70, 71), (293, 294, 295, 296, 297, 298, 299, 300, 301), strict=True),
    *zip((72, 73, 74, 75, 76, 77, 78, 79, 80), (302, 303, 304, 305, 306, 307, 308, 309, 310), strict=True),
    *zip((81, 82, 83, 84, 85, 86, 87, 88, 89), (311, 312, 313, 314, 315, 316, 317, 318, 319), strict=True),
    *zip((90, 91, 92, 93, 95, 96, 97, 98, 99), (320, 321, 322, 366, 324, 325, 326, 327, 328), strict=True),
    *zip(
        (100, 101, 102, 103, 104, 105, 106, 107, 108),
        (329, 330, 331, 332, 333, 334, 335, 336, 337),
        strict=True,
    ),
    *zip(
        (109, 110, 111, 112, 113, 114, 115, 116, 117),
        (338, 339, 340, 341, 342, 343, 344, 345, 346),
        strict=True,
    ),
    *zip(
        (118, 119, 120, 121, 122, 123, 124, 125, 126),
        (347, 348, 349, 350, 351, 352, 353, 354, 355),
        strict=True,
    ),
    *zip(
        (127, 128, 129, 130, 131, 132, 133, 134, 135),
        (356, 357, 358, 359, 360, 361, 362, 363, 364),
        strict=True,
    ),
    *zip(
        (136, 137, 138, 139, 140, 141, 142, 143, 144),
        (365, 323, 367, 368, 369, 370, 371, 372, 373),
        strict=True,
    ),
    *zip(
        (145, 146, 147, 148, 149, 150, 153, 154, 155),
        (374, 375, 376, 377, 378, 379, 380, 381, 382),
        strict=True,
    ),
    *zip(
        (156, 157, 158, 159, 160, 161, 162, 163, 165),
        (383, 384, 385, 386, 387, 388, 389, 390, 391),
        strict=True,
    ),
    *zip(
        (166, 167, 169, 170, 171, 172, 173, 174, 176),
        (392, 393, 394, 395, 396, 397, 398, 399, 400),
        strict=True,
    ),
    *zip(
        (177, 178, 179, 180, 181, 182, 183, 184, 185),
        (401, 402, 403, 404, 405, 406, 407, 408, 409),
        strict=True,
    ),
    *zip(
        (186, 187, 188, 189, 190, 191, 192, 193, 194),
        (410, 411, 412, 413, 414, 415, 416, 417, 418),
        strict=True,
    ),
    *zip(
        (196, 198, 201, 202, 203, 204, 205, 206, 207),
        (419, 420, 421, 422, 423, 424, 425, 426, 427),
        strict=True,
    ),
    *zip(
        (208, 209, 210, 211, 212, 213, 214, 215, 216),
        (428, 429, 430, 431, 432, 433, 434, 435, 436),
        strict=True,
    ),
    *zip(
        (217, 218, 219, 220, 221, 222, 223, 224, 225),
        (437, 438, 439, 440, 441, 442, 443, 444, 445),
        strict=True,
    ),
    *zip(
        (226, 227, 228, 229, 230, 231, 232, 233, 234),
        (446, 447, 448, 449, 450, 451, 452, 453, 454),
        strict=True,
    ),
    *zip(
        (235, 236, 237, 238, 239, 240, 241, 242, 243),
        (455, 456, 457, 458, 459, 460, 461, 462, 463),
        strict=True,
    ),
    *zip(
        (244, 245, 246, 247, 468, 469, 470, 471, 472),
        (464, 465, 466, 467, 473, 476, 475, 474, 477),
        strict=True,
    ),
)
"""Pairs (right, left) of vertices that change places when the image is mirrored.

From the mean mesh of 657 near-frontal training faces of 300W: each vertex and the one nearest to its mirror
image."""

_NOSE = (168, 197, 195, 4, 240, 97, 2, 326, 460)
_EYES = (33, 160, 158, 155, 153, 144), (382, 385, 387, 263, 373, 380)
_LIPS = (61, 74, 37, 11, 267, 304, 291, 405, 314, 17, 84, 181), (78, 82, 13, 312, 308, 317, 14, 87)
FROM_300W: dict[int, int] = dict(enumerate((*_NOSE, *_EYES[0], *_EYES[1], *_LIPS[0], *_LIPS[1]), start=27))
"""The vertex at the place of each landmark of 300W; nose, eyes and lips only.

The vertex with the least median distance from the label over 1,785 training faces of 300W, the same on both
sides of the face. These medians are 1.8 to 4.4 % of the inter-ocular distance. Jaw and brows have none: 300W
marks the contour of the jaw and the middle of the brows, and no vertex stays there when the head turns."""
