"""A linear layer with an adapter, as one step of the gradient's graph."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from typing_extensions import override


class FusedLora(LoraLinear):
    """PEFT's layer, with sums and scale of its plain case inside the products: no pass over an output is left.

    Everything else (dropout, weights of another type than the factors, merged or switched-off adapters, …) is PEFT's.
    """

    @override
    def forward(self, x: Tensor, *args: Any, **settings: Any) -> Tensor:
        base: Any = self.get_base_layer()
        if args or settings or self.disable_adapters or self.merged or len(self.active_adapters) != 1:
            return super().forward(x, *args, **settings)
        (name,) = self.active_adapters
        down, up = self.lora_A[name], self.lora_B[name]
        same = x.dtype == base.weight.dtype == down.weight.dtype == up.weight.dtype
        if not same or name in self.lora_variant or not isinstance(self.lora_dropout[name], nn.Identity):
            return super().forward(x)
        return _Fused.apply(x, base.weight, base.bias, down.weight, up.weight, self.scaling[name])


class _Fused(torch.autograd.Function):
    """``x W' + b + s (x A') B'``, for a frozen ``W``; the formulas of the gradient are those of each product."""

    @staticmethod
    @override
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - torch's own has *args
        flat = x.reshape(-1, x.shape[-1])
        low = flat @ down.t()
        out = flat @ weight.t() if bias is None else torch.addmm(bias, flat, weight.t())
        out.addmm_(low, up.t(), alpha=scale)
        ctx.save_for_backward(flat, weight, down, up, low)
        ctx.scale, ctx.shape = scale, x.shape
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    @override
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        flat, weight, down, up, low = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        of_low = (gradient @ up).mul_(ctx.scale)
        of_down, of_up = of_low.t() @ flat, (gradient.t() @ low).mul_(ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (gradient @ weight).addmm_(of_low, down).view(ctx.shape)
        return of_x, None, None, of_down, of_up, None
