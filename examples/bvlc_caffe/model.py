"""Answers with Caffe, in the container for old Pythons: the probability of each class."""

import os

os.environ.setdefault("GLOG_minloglevel", "2")  # errors only: it tells of every layer it makes

import caffe
import numpy

SHAPE = (1, 28, 28)


def load(bundle):  # type: ignore[no-untyped-def]
    """The function of a batch: images as numbers from 0 to 1."""
    caffe.set_mode_cpu()
    network = caffe.Net(str(bundle / "network.prototxt"), str(bundle / "network.caffemodel"), caffe.TEST)
    data = network.blobs["data"]

    def predict_batch(inputs):  # type: ignore[no-untyped-def]
        images = numpy.stack(inputs)
        if images.shape[1:] != SHAPE:
            raise ValueError("an input of shape %r; expected %r" % (images.shape[1:], SHAPE))  # noqa: UP031  as old as its Python
        if data.shape[0] != len(images):
            data.reshape(*images.shape)
            network.reshape()
        data.data[...] = images
        return network.forward()["prob"].copy()

    return predict_batch
