from torch import nn

from mixtrast.encoders._encoder import Encoder, Sizes
from mixtrast.encoders._residual import check_sizes, image_spec, initialise
from mixtrast.spec import Spec

VGG11 = (1, 1, 2, 2, 2)  # convolutions in each group
SIZES: Sizes = {"vgg11": {"blocks": VGG11, "width": 64}, "vgg16": {"blocks": (2, 2, 3, 3, 3), "width": 64}}
WIDEST = 8  # times the channels of the first group, beyond which groups grow no wider


class VGG(Encoder):
    """Groups of 3x3 convolutions, each followed by max pooling that halves the sides, and global average pooling.

    Depths: 0 the input, g after group g (the last one pooled). A side of one pixel stays one.

    Args:
        blocks: convolutions in each group. (1,1,2,2,2) is VGG-11, (2,2,3,3,3) VGG-16.
        width: channels of the first group; each next one has twice as many, up to eight times.
        norm: whether batch norm follows each convolution.

    Reference: Simonyan, Zisserman, Very deep convolutional networks, ICLR 2015, arXiv:1409.1556, table 1, A and D; mixup's
        table of spoken words (Zhang et al., arXiv:1710.09412, section 3.3) is of VGG-11.
    Differs: no fully connected layers before the features, so images may have any size, and batch norm by default.
    """

    def __init__(self, spec: Spec, *, blocks: tuple[int, ...] = (1, 1, 2), width: int = 32, norm: bool = True) -> None:
        image = image_spec("VGG", spec)
        check_sizes("VGG", blocks, width)
        stages, inputs, sides = [], image.channels, (image.height, image.width)
        for group, many in enumerate(blocks):
            channels = width * min(2**group, WIDEST)
            layers: list[nn.Module] = []
            for _ in range(many):
                layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=not norm)]
                layers += [nn.BatchNorm2d(channels), nn.ReLU()] if norm else [nn.ReLU()]
                inputs = channels
            stages.append(nn.Sequential(*layers, nn.MaxPool2d((1 + (sides[0] > 1), 1 + (sides[1] > 1)))))
            sides = (max(1, sides[0] // 2), max(1, sides[1] // 2))
        stages[-1] = nn.Sequential(stages[-1], nn.AdaptiveAvgPool2d(1), nn.Flatten())
        super().__init__(stages, inputs)
        initialise(self)
