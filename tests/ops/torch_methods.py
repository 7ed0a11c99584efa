"""Which of torch.Tensor's public attributes `npconformer.Tensor` has, and which it does not.

The names are those of torch 2.13.
"""

PRESENT = frozenset(
    """
T abs abs_ absolute add add_ all allclose amax amin any argmax argmin argsort backward bmm bool broadcast_to
ceil ceil_ chunk clamp clamp_ clamp_max clamp_min clip clip_ clone contiguous copy_ cos count_nonzero cpu cuda
cumsum data detach device dim div div_ divide double dtype element_size eq equal exp exp_ expand expand_as expm1
fill_ flatten flip float floor floor_ floor_divide gather ge grad grad_fn greater greater_equal gt half
index_select int is_contiguous is_cpu is_cuda is_floating_point is_leaf isclose isfinite isinf isnan item
itemsize le less less_equal log log1p log_ log_softmax logical_and logical_not logical_or logical_xor logsumexp
long lt mT masked_fill masked_fill_ masked_select matmul max maximum mean min minimum mm moveaxis movedim mul
mul_ multiply narrow nbytes ndim ndimension ne neg neg_ negative nelement new_full new_ones new_tensor new_zeros
nonzero norm not_equal numel numpy permute pow pow_ ravel reciprocal relu relu_ remainder repeat requires_grad
requires_grad_ reshape reshape_as retain_grad round round_ rsqrt select shape sigmoid sigmoid_ sign sin size
softmax sort split sqrt sqrt_ square squeeze std stride sub sub_ subtract sum swapaxes swapdims t tanh tanh_ to
tolist topk transpose true_divide trunc type_as unbind unflatten unsqueeze var view view_as where zero_
""".split()
)

# By reason.
ABSENT = {
    "requires_grad_ and the changes in place above are all; no sums, sines or shapes in place": """
absolute_ acos_ acosh_ addbmm_ addcdiv_ addcmul_ addmm_ addmv_ addr_ apply_ arccos_ arccosh_ arcsin_ arcsinh_
arctan2_ arctan_ arctanh_ as_strided_ asin_ asinh_ atan2_ atan_ atanh_ baddbmm_ bernoulli_ bitwise_and_
bitwise_left_shift_ bitwise_not_ bitwise_or_ bitwise_right_shift_ bitwise_xor_ cauchy_ clamp_max_ clamp_min_
conj_physical_ copysign_ cos_ cosh_ cumprod_ cumsum_ deg2rad_ detach_ digamma_ divide_ eq_ erf_ erfc_ erfinv_
exp2_ expm1_ exponential_ fill_diagonal_ fix_ float_power_ floor_divide_ fmod_ frac_ gcd_ ge_ geometric_
greater_ greater_equal_ gt_ heaviside_ hypot_ i0_ igamma_ igammac_ index_add_ index_copy_ index_fill_ index_put_
index_reduce_ lcm_ ldexp_ le_ lerp_ less_ less_equal_ lgamma_ log10_ log1p_ log2_ log_normal_ logical_and_
logical_not_ logical_or_ logical_xor_ logit_ lt_ map2_ map_ masked_scatter_ multiply_ mvlgamma_ nan_to_num_ ne_
negative_ nextafter_ normal_ not_equal_ polygamma_ put_ rad2deg_ random_ reciprocal_ remainder_ renorm_ resize_
resize_as_ resize_as_sparse_ rsqrt_ scatter_ scatter_add_ scatter_reduce_ set_ sgn_ share_memory_ sign_ sin_
sinc_ sinh_ sparse_resize_ sparse_resize_and_clear_ square_ squeeze_ subtract_ swapaxes_ swapdims_ t_ tan_
transpose_ tril_ triu_ true_divide_ trunc_ uniform_ unsqueeze_ xlogy_
""",
    "sparse, nested and quantised tensors, other devices": """
ccol_indices coalesce col_indices crow_indices dense_dim dequantize flipud indices int_repr ipu is_coalesced
is_ipu is_maia is_meta is_mkldnn is_mps is_mtia is_nested is_quantized is_sparse is_sparse_csr is_vulkan is_xla
is_xpu layout mtia nanquantile q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale
q_zero_point quantile row_indices smm sparse_dim sparse_mask sspaddmm to_dense to_mkldnn to_padded_tensor
to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr values xpu
""",
    "complex numbers, and dtypes that NumPy lacks": """
H adjoint angle bfloat16 byte cdouble cfloat chalf char conj conj_physical imag is_complex is_conj is_neg
is_signed isreal istft mH real resolve_conj resolve_neg sgn short stft type
""",
    "linear algebra: `np.linalg`": """
addbmm addmm addmv addr baddbmm cholesky cholesky_inverse cholesky_solve corrcoef cov cross det diag diag_embed
diagflat diagonal diagonal_scatter dot eig geqrf ger inner inverse kron logdet lstsq lu lu_solve matrix_exp
matrix_power mv orgqr ormqr outer pinverse qr slogdet solve svd symeig trace triangular_solve tril triu vdot
""",
    "functions of single numbers that these models do not need: `np.…(x.numpy())`": """
acos acosh addcdiv addcmul arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh
bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor copysign cosh deg2rad
digamma erf erfc erfinv exp2 fix float_power fmax fmin fmod frac frexp gcd hardshrink heaviside hypot i0 igamma
igammac isneginf isposinf lcm ldexp lerp lgamma log10 log2 logaddexp logaddexp2 logit mvlgamma nan_to_num
nextafter polygamma positive prelu rad2deg signbit sinc sinh tan xlogy
""",
    "along axes": """
aminmax argwhere bernoulli bincount cummax cummin cumprod diff dist histc histogram is_nonzero kthvalue
logcumsumexp median mode msort multinomial nanmean nanmedian nansum prod renorm unique unique_consecutive
""",
    "reading, writing and rearranging by index": """
as_strided as_strided_scatter dsplit fliplr hsplit index_add index_copy index_fill index_put index_reduce
masked_scatter narrow_copy nonzero_static put repeat_interleave resize resize_as roll rot90 scatter scatter_add
scatter_reduce select_scatter slice_inverse slice_scatter split_with_sizes sum_to_size take take_along_dim
tensor_split tile unfold unsafe_chunk unsafe_split unsafe_split_with_sizes vsplit
""",
    "torch's own machinery: memory, hooks, subclasses": """
as_subclass const_data_ptr data_ptr dim_order get_device grad_dtype hash_tensor index is_distributed
is_inference is_pinned is_same_size is_set_to is_shared module_load name new new_empty new_empty_strided
output_nr pin_memory qscheme record_stream register_hook register_post_accumulate_grad_hook reinforce
retains_grad storage storage_offset storage_type untyped_storage volatile
""",
}
