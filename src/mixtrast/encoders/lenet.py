from __future__ import annotations

from torch import nn

from mixtrast.checks import is_number
from mixtrast.encoders._encoder import Encoder
from mixtrast.spec import Image, Spec

KERNEL, LEAST = 5, 16  # the shortest side that two convolutions without padding and two halvings leave a pixel of


class LeNet(Encoder):
    """Two 5x5 convolutions, each with max pooling and ReLU, and a fully connected layer.

    Depths: 0 the input, 1 and 2 after each convolution, 3 the vector.

    Args:
        width: channels of both.
        dim: numbers in the vector.
        dropout: probability, of whole channels after the second convolution.

    Reference: LeCun et al., Proc. IEEE 86, 1998; in this form it is the LeNet of the program for spoken words that mixup's
        table is made with (Zhang et al., arXiv:1710.09412, section 3.3): 20 channels and 1,000 numbers.
    Differs: the dropout of that program's classifier is left out.
    """

    def __init__(self, spec: Spec, *, width: int = 20, dim: int = 1000, dropout: float = 0.5) -> None:
        if not isinstance(spec, Image):
            raise ValueError(
                f"LeNet takes images (C, H, W), got {type(spec).__name__} {spec.shape}. Use the mlp encoder, or reshape."
            )
        for name, value in (("width", width), ("dim", dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"`{name}` of LeNet must be a whole number above 0, got {value!r}.")
        if not is_number(dropout) or not 0 <= dropout < 1:
            raise ValueError(f"`dropout` of LeNet must be a probability below 1, got {dropout!r}.")
        small = min(spec.height, spec.width) < LEAST  # then sides are kept by padding, and halves rounded up
        tall, wide = spec.height, spec.width
        for _ in range(2):
            tall, wide = (-(-side // 2) if small else (side - KERNEL + 1) // 2 for side in (tall, wide))
        pool, pad = nn.MaxPool2d(2, ceil_mode=small), KERNEL // 2 if small else 0
        first = nn.Sequential(nn.Conv2d(spec.channels, width, KERNEL, padding=pad), pool, nn.ReLU())
        second = nn.Sequential(nn.Conv2d(width, width, KERNEL, padding=pad), nn.Dropout2d(dropout), pool, nn.ReLU())
        last = nn.Sequential(nn.Flatten(), nn.Linear(width * tall * wide, dim), nn.ReLU())
        super().__init__([first, second, last], dim)
