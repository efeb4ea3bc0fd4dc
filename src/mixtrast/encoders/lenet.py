from torch import nn

from mixtrast.encoders._encoder import Encoder
from mixtrast.encoders._residual import image_spec
from mixtrast.spec import Spec
from mixtrast.validation import check_dropout, check_whole

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
        image = image_spec("LeNet", spec)
        check_whole("LeNet", width=width, dim=dim)
        check_dropout("LeNet", dropout)
        small = min(image.height, image.width) < LEAST  # then padding preserves the sides, and halves are rounded up
        tall, wide = image.height, image.width
        for _ in range(2):
            tall, wide = (-(-side // 2) if small else (side - KERNEL + 1) // 2 for side in (tall, wide))
        pool, pad = nn.MaxPool2d(2, ceil_mode=small), KERNEL // 2 if small else 0
        first = nn.Sequential(nn.Conv2d(image.channels, width, KERNEL, padding=pad), pool, nn.ReLU())
        second = nn.Sequential(nn.Conv2d(width, width, KERNEL, padding=pad), nn.Dropout2d(dropout), pool, nn.ReLU())
        last = nn.Sequential(nn.Flatten(), nn.Linear(width * tall * wide, dim), nn.ReLU())
        super().__init__([first, second, last], dim)
